package secrets

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/vfs"
)

// login returns a token of the server that is not the stale one: the one in
// use, or a new one. A token file that has not changed gives the stale one
// again. Of callers that find the same token stale one logs in.
func (v *Vault) login(ctx context.Context, stale string) (string, error) {
	select {
	case v.turn <- struct{}{}:
		defer func() { <-v.turn }()
	case <-ctx.Done(): // whoever has the turn may wait for a server that is away
		return "", ctx.Err()
	}
	if v.token != stale {
		return v.token, nil
	}
	token, err := v.newToken(ctx)
	if err != nil {
		return "", fmt.Errorf("log in to vault: %w", err)
	}
	v.token = token
	return token, nil
}

func (v *Vault) newToken(ctx context.Context) (string, error) {
	if v.config.TokenFile != "" {
		return v.readFile(v.config.TokenFile)
	}
	role, err := v.readFile(v.config.RoleIDFile)
	if err != nil {
		return "", err
	}
	secret, err := v.readFile(v.config.SecretIDFile)
	if err != nil {
		return "", err
	}
	body, err := json.Marshal(map[string]string{"role_id": role, "secret_id": secret})
	if err != nil {
		return "", err
	}
	var answer struct {
		Auth struct {
			Token string `json:"client_token"`
		} `json:"auth"`
	}
	where := v.remote.at("v1/auth", audit.Path(v.config.AppRoleMount+"/login"))
	if err := v.remote.ask(ctx, where, v.header(), body, &answer); err != nil {
		return "", err
	}
	if answer.Auth.Token == "" {
		return "", errors.New("the answer has no token")
	}
	return answer.Auth.Token, nil
}

// readFile returns the line that is all of a file.
func (v *Vault) readFile(name string) (string, error) {
	data, err := vfs.ReadFile(v.config.Files, name)
	if err != nil {
		return "", err
	}
	line := strings.TrimSpace(string(data))
	if line == "" || strings.ContainsFunc(line, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", fmt.Errorf("%s: want one line of printable ASCII", name)
	}
	return line, nil
}

package secrets

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"filippo.io/age"
	"github.com/go-json-experiment/json"

	"github.com/scaivault/audit"
)

// fileFormat is the version of the content of a secret's file.
const fileFormat = 1

// maxFile is the largest file of a secret in bytes, with room for what JSON and
// encryption add to [MaxSize].
const maxFile = 4 * MaxSize

// file is the content of a secret's file, before encryption. It names its
// secret: a file that was copied to another name is found out.
type file struct {
	Format    int               `json:"format"`
	Tenant    audit.TenantID    `json:"tenant_id"`
	Path      audit.Path        `json:"path"`
	UpdatedAt audit.Time        `json:"updated_at"`
	Members   map[string]string `json:"members"`
}

// seal returns the file, encrypted for the key.
func seal(f file, key *age.X25519Identity) ([]byte, error) {
	text, err := json.Marshal(f)
	if err != nil {
		return nil, errors.New("encode: its members are not UTF-8") // the cause would quote them
	}
	var b bytes.Buffer
	w, err := age.Encrypt(&b, key.Recipient())
	if err == nil {
		_, err = w.Write(text)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("encrypt: %w", err)
	}
	return b.Bytes(), nil
}

// open returns the file that was encrypted for the key.
func open(data []byte, key *age.X25519Identity) (*file, error) {
	var text []byte
	r, err := age.Decrypt(bytes.NewReader(data), key)
	var mismatch *age.NoIdentityMatchError
	if errors.As(err, &mismatch) {
		return nil, errors.New("it was encrypted for another key")
	}
	if err == nil {
		text, err = io.ReadAll(r)
	}
	if err != nil {
		return nil, fmt.Errorf("decrypt: %w", err)
	}
	f := new(file)
	if json.Unmarshal(text, f, json.RejectUnknownMembers(true)) != nil || f.Format != fileFormat {
		return nil, fmt.Errorf("it is no secret of format %d", fileFormat) // the cause would quote it
	}
	return f, nil
}

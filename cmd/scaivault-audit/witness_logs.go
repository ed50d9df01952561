package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"strings"

	"go.yaml.in/yaml/v3"
	"golang.org/x/mod/sumdb/note"

	"github.com/scaivault/audit/internal/proof"
)

// witnessedLog is one entry of the file of --logs.
type witnessedLog struct {
	Keys      string `yaml:"keys"` // a file of verifier keys, or one such key
	URL       string `yaml:"url"`  // of the server, "" if it sends by itself
	TokenFile string `yaml:"token_file"`
	Tenant    string `yaml:"tenant"`
}

// logs returns the keys of the logs that are known, by origin, and the logs that
// are followed.
func (c *witnessCommand) logs() (map[string]note.Verifiers, []*followedLog, error) {
	entries, err := readWitnessedLogs(c.Logs)
	if err != nil {
		return nil, nil, fmt.Errorf("--logs: %w", err)
	}
	known := make(map[string]note.Verifiers)
	var followed []*followedLog
	add := func(e witnessedLog, token string, keys ...string) error {
		own, err := readLogKeys(keys)
		if err != nil {
			return err
		}
		for origin := range own {
			if _, ok := known[origin]; ok {
				return fmt.Errorf("the keys of %s are there twice", origin)
			}
		}
		maps.Copy(known, own)
		if e.URL == "" {
			return nil
		}
		f, err := newFollowedLog(e, token, own)
		followed = append(followed, f)
		return err
	}
	if len(c.Key) > 0 {
		if err := add(witnessedLog{URL: c.Log, Tenant: c.Tenant}, c.Token, c.Key...); err != nil {
			return nil, nil, fmt.Errorf("--key: %w", err)
		}
	} else if c.Log != "" {
		return nil, nil, errors.New("--log: want the keys of the log, by --key")
	}
	for i, e := range entries {
		token := ""
		if e.TokenFile != "" {
			text, err := os.ReadFile(e.TokenFile)
			if err != nil {
				return nil, nil, fmt.Errorf("--logs: %w", err)
			}
			token = strings.TrimSpace(string(text))
		}
		if err := add(e, token, e.Keys); err != nil {
			return nil, nil, fmt.Errorf("--logs: entry %d: %w", i+1, err)
		}
	}
	return known, followed, nil
}

func readWitnessedLogs(name string) ([]witnessedLog, error) {
	if name == "" {
		return nil, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var list []witnessedLog
	d := yaml.NewDecoder(f)
	d.KnownFields(true)
	if err := d.Decode(&list); err != nil && !errors.Is(err, io.EOF) {
		return nil, plainYAML(err)
	}
	return list, nil
}

// readLogKeys reads keys of logs: files as the command keys prints them, or
// verifier keys themselves.
func readLogKeys(keys []string) (map[string]note.Verifiers, error) {
	var all []string
	for _, key := range keys {
		if strings.Count(key, "+") >= 2 {
			all = append(all, key)
			continue
		}
		text, err := os.ReadFile(key)
		if err != nil {
			return nil, err
		}
		all = append(all, keyLines(text))
	}
	return proof.ParseLogs(strings.Join(all, "\n"))
}

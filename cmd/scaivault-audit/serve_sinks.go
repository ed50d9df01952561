package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/export"
	"github.com/scaivault/audit/internal/sink"
	"github.com/scaivault/audit/internal/store"
	"github.com/scaivault/audit/internal/vfs"
)

// sinkSettings say what sinks there are. Those of the file of --config stand
// there under sinksKey; others are made through the API.
type sinkSettings struct {
	SinkDir string `placeholder:"DIR" env:"SINK_DIR" help:"Allow sinks that write files, below this directory."`
}

// sinksKey is the one setting that is no flag.
const sinksKey = "sinks"

// openSinks opens the sinks of the data directory and of the settings.
func (c *serveCommand) openSinks(disk vfs.FS, log *store.Store, secrets export.Secrets, clock func() time.Time,
	logger *slog.Logger) (*sink.Manager, error) {
	configured, err := readSinks(string(c.Config))
	if err != nil {
		return nil, usageError{fmt.Errorf("settings %s: %w", c.Config, err)}
	}
	return sink.Open(disk, c.Data, sink.Options{
		Log: log, Secrets: secrets, Egress: c.buckets(logger).guard, Clock: clock, Logger: logger,
		Files: c.SinkDir, Configured: configured, Version: build().Version,
	})
}

// readSinks reads the sinks of a file of settings: a list of mappings with the
// members of the API's body, the tenant, and in place of secret_path perhaps
// secret_file, a file of the secret's members as JSON.
func readSinks(name string) ([]sink.Configured, error) {
	if name == "" {
		return nil, nil
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var settings struct {
		Sinks []map[string]any `yaml:"sinks"`
	}
	if err := yaml.Unmarshal(text, &settings); err != nil && !errors.Is(err, io.EOF) {
		return nil, plainYAML(err)
	}
	var sinks []sink.Configured
	for i, members := range settings.Sinks {
		s, err := configuredSink(members)
		if err != nil {
			return nil, fmt.Errorf("sink %d: %w", i+1, err)
		}
		sinks = append(sinks, s)
	}
	return sinks, nil
}

func configuredSink(members map[string]any) (sink.Configured, error) {
	name, _ := members["tenant"].(string)
	delete(members, "tenant")
	tenant, err := audit.ParseTenantID(name)
	if err != nil {
		return sink.Configured{}, fmt.Errorf("tenant: %w", err)
	}
	body, err := json.Marshal(members)
	if err != nil {
		return sink.Configured{}, err
	}
	const operator = true
	r, err := audit.DecodeSinkRequest(string(body), operator)
	return sink.Configured{Tenant: tenant, SinkRequest: r}, err
}

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v3"
)

// configFlag names a YAML file with settings: a mapping from the names of the
// command's flags to their values. Flags and variables of the environment go
// before it. An unknown key is an error, since a setting that is misspelled is
// a setting that is not there.
type configFlag string

// BeforeResolve is called by the parser when it has read the flags; if the file
// comes from the environment, for the commands that do not have the flag too.
func (configFlag) BeforeResolve(c *kong.Context, trace *kong.Path) error {
	command := c.Selected()
	if command == nil || !slices.Contains(command.Flags, trace.Flag) {
		return nil
	}
	name := string(c.FlagValue(trace.Flag).(configFlag))
	settings, err := readSettings(name)
	if err == nil {
		err = knownSettings(command, settings)
	}
	if err != nil {
		return fmt.Errorf("settings %s: %w", name, err)
	}
	c.AddResolver(kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
		value, ok := settings[flag.Name]
		if !ok || slices.ContainsFunc(flag.Envs, isSet) {
			return nil, nil
		}
		return value, nil
	}))
	return nil
}

func isSet(env string) bool {
	_, ok := os.LookupEnv(env)
	return ok
}

// readSettings reads a file of settings. Values are the text that stands there,
// so that they are read like flags; a key without a value is not set.
func readSettings(name string) (map[string]string, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var nodes map[string]yaml.Node
	d := yaml.NewDecoder(f)
	if err := d.Decode(&nodes); err != nil && !errors.Is(err, io.EOF) { // an empty file ends at once
		return nil, plainYAML(err)
	}
	if err := d.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, errors.New("want one YAML document")
	}
	settings := make(map[string]string)
	delete(nodes, sinksKey) // no flag, and read by whoever opens the sinks
	for name, node := range nodes {
		if node.Kind != yaml.ScalarNode {
			return nil, fmt.Errorf("line %d: want one value for %s", node.Line, name)
		}
		if node.Tag != "!!null" {
			settings[name] = node.Value
		}
	}
	return settings, nil
}

// plainYAML returns what a YAML error says as one line.
func plainYAML(err error) error {
	var several *yaml.TypeError
	if errors.As(err, &several) {
		return errors.New(strings.Join(several.Errors, "; "))
	}
	return err
}

// knownSettings returns an error that names the keys that are no flags of the
// command.
func knownSettings(command *kong.Node, settings map[string]string) error {
	var unknown []string
	for name := range settings {
		known := slices.ContainsFunc(command.Flags, func(f *kong.Flag) bool { return f.Name == name })
		if !known || name == "config" {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	slices.Sort(unknown)
	return errors.New("unknown setting " + strings.Join(unknown, ", "))
}

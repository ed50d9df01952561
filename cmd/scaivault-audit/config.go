package main

import (
	"errors"
	"fmt"
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

// BeforeResolve is called by the parser when it has read the flags.
func (f configFlag) BeforeResolve(c *kong.Context, trace *kong.Path) error {
	name := string(c.FlagValue(trace.Flag).(configFlag))
	text, err := os.ReadFile(name)
	if err != nil {
		return fmt.Errorf("settings: %w", err)
	}
	settings := make(map[string]any)
	if err := yaml.Unmarshal(text, &settings); err != nil {
		return fmt.Errorf("settings %s: %w", name, err)
	}
	if err := knownSettings(c, settings); err != nil {
		return fmt.Errorf("settings %s: %w", name, err)
	}
	c.AddResolver(kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
		if slices.ContainsFunc(flag.Envs, func(env string) bool { _, set := os.LookupEnv(env); return set }) {
			return nil, nil
		}
		return settings[flag.Name], nil
	}))
	return nil
}

// knownSettings returns an error that names the keys that are no flags.
func knownSettings(c *kong.Context, settings map[string]any) error {
	known := make(map[string]bool)
	for _, group := range c.Selected().AllFlags(true) {
		for _, flag := range group {
			known[flag.Name] = true
		}
	}
	var unknown []string
	for name := range settings {
		if !known[name] || name == "config" || name == "help" {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	slices.Sort(unknown)
	return errors.New("unknown setting " + strings.Join(unknown, ", "))
}

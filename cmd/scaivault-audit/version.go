package main

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/scaivault/audit/internal/api"
)

type versionCommand struct {
	JSON bool `help:"Print JSON."`
}

// Help is shown by version --help.
func (versionCommand) Help() string {
	return `Examples:

    scaivault-audit version
    scaivault-audit version --json`
}

// Run prints what this program is.
func (c *versionCommand) Run(p *process) error {
	info := struct {
		Version  string `json:"version"`
		Go       string `json:"go"`
		Platform string `json:"platform"`
	}{version(), runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH}
	if c.JSON {
		text, err := json.Marshal(info)
		if err != nil {
			return err
		}
		return p.printJSON(text)
	}
	_, err := fmt.Fprintf(p.stdout, "scaivault-audit %s (%s, %s)\n", info.Version, info.Go, info.Platform)
	return err
}

// version returns the version of the module that the program was built from.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}

// build says what this program was built from, as far as the build recorded it.
func build() api.Version {
	v := api.Version{Version: version(), GoVersion: runtime.Version()}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, setting := range info.Settings {
			switch setting.Key {
			case "vcs.revision":
				v.Commit = setting.Value
			case "vcs.time":
				v.BuildDate = setting.Value
			}
		}
	}
	return v
}

package source

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/vfs"
)

const (
	producersVersion = 1
	producersSuffix  = ".json"
	// saveInterval is how often what is known is written, at most: what a crash takes
	// of it is read from the log again.
	saveInterval = 10 * time.Second
)

// producersState is what is known of a tenant's producers, as its file has it. The file
// is replaced atomically and durably.
type producersState struct {
	Version   int                 `json:"version"`
	Next      uint64              `json:"next"`
	Sequences []*sequence         `json:"sequences"`
	Promises  map[string]*promise `json:"promises"`
}

func (p *Producers) file(tenant audit.TenantID) string {
	return p.dir + "/" + string(tenant) + producersSuffix
}

// save writes what is known of a tenant.
func (p *Producers) save(t *producers) error {
	text, err := json.Marshal(producersState{producersVersion, t.next, t.inOrder(), t.promises})
	if err != nil {
		return err
	}
	if err := vfs.WriteFile(p.fs, p.file(t.tenant), text); err != nil {
		return err
	}
	t.changed, t.savedAt = false, p.options.Clock()
	return nil
}

// load reads what is known of all tenants. Of one whose file is damaged the log is read
// from its start.
func (p *Producers) load() error {
	if err := p.fs.MkdirAll(p.dir); err != nil {
		return err
	}
	names, err := p.fs.List(p.dir)
	if err != nil {
		return err
	}
	for _, file := range names {
		if strings.HasSuffix(file, vfs.TempSuffix) {
			if err := p.fs.Remove(p.dir + "/" + file); err != nil {
				return err
			}
		}
		name, ok := strings.CutSuffix(file, producersSuffix)
		tenant, err := audit.ParseTenantID(name)
		if !ok || err != nil {
			continue
		}
		text, err := vfs.ReadFile(p.fs, p.file(tenant))
		if err != nil {
			return err
		}
		t, err := p.parse(tenant, text)
		if err != nil {
			p.options.Logger.Error("what was known of producers is damaged: the log is read from its start", "tenant", tenant, "error", err)
			t = newProducers(tenant, 0)
		}
		p.tenants[tenant] = t
	}
	return nil
}

// parse reads a file. Numbers that are missing are waited for anew: who has them may
// have waited for this process.
func (p *Producers) parse(tenant audit.TenantID, text []byte) (*producers, error) {
	var state producersState
	if err := json.Unmarshal(text, &state); err != nil {
		return nil, err
	}
	if state.Version != producersVersion {
		return nil, fmt.Errorf("version %d, want %d", state.Version, producersVersion)
	}
	t := newProducers(tenant, state.Next)
	now := p.options.Clock()
	for _, s := range state.Sequences {
		if s == nil {
			return nil, errors.New("a sequence is null")
		}
		for i := range s.Missing {
			s.Missing[i].since = now
		}
		t.sequences[instance{s.Source, s.Instance}] = s
	}
	for source, w := range state.Promises {
		if w == nil {
			return nil, errors.New("a promise is null")
		}
		t.promises[source] = w
	}
	return t, nil
}

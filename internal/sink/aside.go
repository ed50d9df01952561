package sink

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/vfs"
)

// aside is the list of what a sink has set aside: a file with a line of JSON for
// each. The latest are in memory, too.
type aside struct {
	count  int
	latest []audit.SetAside // at most [audit.MaxSetAside], the newest last
}

func (a *aside) add(e audit.SetAside) {
	a.count++
	if len(a.latest) == audit.MaxSetAside {
		a.latest = append(a.latest[:0], a.latest[1:]...)
	}
	a.latest = append(a.latest, e)
}

// has reports whether the newest entry is about an index. A sink that died
// between its two files comes by again.
func (a *aside) has(index uint64) bool {
	n := len(a.latest)
	return n > 0 && a.latest[n-1].Index == index
}

// loadAside reads the list.
func (s *sink) loadAside() error {
	data, err := s.readAside()
	if err != nil {
		return err
	}
	for line := range bytes.Lines(data) {
		var e audit.SetAside
		if err := json.Unmarshal(line, &e); err != nil {
			return fmt.Errorf("list of what was set aside: %w", err)
		}
		s.aside.add(e)
	}
	return nil
}

func (s *sink) readAside() ([]byte, error) {
	data, err := vfs.ReadFile(s.m.fs, s.file(asideSuffix))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list of what was set aside: %w", err)
	}
	return data, nil
}

// keepAside puts an entry on the list, durably. The file is written anew: there
// are few entries, and no half one can ever be among them.
func (s *sink) keepAside(e audit.SetAside) error {
	data, err := s.readAside()
	if err != nil {
		return err
	}
	line, err := json.Marshal(e)
	if err == nil {
		err = vfs.WriteFile(s.m.fs, s.file(asideSuffix), append(append(data, line...), '\n'))
	}
	if err != nil {
		return fmt.Errorf("set event %d aside: %w", e.Index, err)
	}
	// A crash here: the event is sent again, refused again, and known.
	s.mu.Lock()
	defer s.mu.Unlock()
	s.aside.add(e)
	return nil
}

package auth

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/scaivault/audit/internal/vfs"
)

// reloadEvery is how often the directory is looked at, at most.
const reloadEvery = time.Second

// reload reads the directory if the last time was long enough ago.
func (s *Tokens) reload() error {
	if since := s.clock().Sub(s.loaded); !s.loaded.IsZero() && 0 <= since && since < reloadEvery {
		return nil
	}
	return s.load()
}

// load reads what is new in the directory. Files are read once: they do not
// change but for the state, which only this process writes. If the directory
// cannot be read nobody is let in, as nobody knows who was revoked.
func (s *Tokens) load() error {
	now := s.clock()
	names, err := s.fs.List(s.dir)
	if err != nil {
		return fmt.Errorf("load tokens: %w", err)
	}
	byID, byDigest := make(map[string]*token), make(map[tokenDigest]*token)
	var damaged []error
	for _, name := range names {
		id, ok := strings.CutSuffix(name, tokenSuffix)
		if !ok {
			continue
		}
		t := s.byID[id]
		if t == nil {
			if t, err = s.read(id); err != nil {
				damaged = append(damaged, fmt.Errorf("load token %s: %w", id, err))
				continue
			}
		}
		byID[id], byDigest[t.digest] = t, t
		damaged = append(damaged, t.damage)
	}
	for _, name := range names {
		id, ok := strings.CutSuffix(name, revokedSuffix)
		if t := byID[id]; ok && t != nil && t.info.RevokedAt == nil {
			t.revoked = true
			damaged = append(damaged, s.readRevocation(t))
		}
	}
	s.loaded, s.byID, s.byDigest, s.damaged = now, byID, byDigest, errors.Join(damaged...)
	return nil
}

// read reads the files of one token, which works without its state.
func (s *Tokens) read(id string) (*token, error) {
	data, err := vfs.ReadFile(s.fs, s.path(id, tokenSuffix))
	if err != nil {
		return nil, err
	}
	info, digest, err := parseTokenFile(id, data)
	if err != nil {
		return nil, err
	}
	t := &token{info: *info, digest: digest}
	t.state, t.damage = s.readState(id)
	return t, nil
}

func (s *Tokens) readRevocation(t *token) error {
	var r revocation
	data, err := vfs.ReadFile(s.fs, s.path(t.info.ID, revokedSuffix))
	if err == nil {
		err = decodeStrict(data, &r)
	}
	if err != nil {
		return fmt.Errorf("load revocation of token %s: %w", t.info.ID, err)
	}
	t.info.RevokedAt, t.info.RevokedBy = &r.At, r.By
	return nil
}

func (s *Tokens) path(id, suffix string) string { return filepath.Join(s.dir, id+suffix) }

// sorted returns the tokens, the oldest first.
func (s *Tokens) sorted() []*token {
	all := make([]*token, 0, len(s.byID))
	for _, t := range s.byID {
		all = append(all, t)
	}
	slices.SortFunc(all, func(a, b *token) int {
		return cmp.Or(cmp.Compare(a.info.CreatedAt, b.info.CreatedAt), cmp.Compare(a.info.ID, b.info.ID))
	})
	return all
}

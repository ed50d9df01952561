package auth

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/vfs"
)

// The files of the token ID, below the directory tokens.
const (
	tokenSuffix   = ".json"    // written once, by whoever makes the token
	revokedSuffix = ".revoked" // written once, by whoever revokes it first
	stateSuffix   = ".state"   // replaced by the server only
)

// tokenIDPrefix begins the id of a token, tokenIDDigits random digits follow.
const (
	tokenIDPrefix = "tok_"
	tokenIDDigits = 16
)

// Tokens is the store of personal access tokens. Any number of processes may
// have it open; one of them, the server, may call [Tokens.MarkRecorded] and
// [Tokens.Flush]. It is safe for concurrent use.
type Tokens struct {
	fs    vfs.FS
	dir   string
	clock func() time.Time

	mu       sync.Mutex // guards the fields below; held while reading the disk
	loaded   time.Time  // when the directory was read; zero for never
	damaged  error      // files that could not be read then
	byID     map[string]*token
	byDigest map[tokenDigest]*token
}

// token is one token of the store.
type token struct {
	info    TokenInfo
	digest  tokenDigest
	revoked bool // true, even if the file that says so cannot be read
	state   tokenState
	damage  error // why the state could not be read, until it is written again
	used    bool  // since the state was written
}

// revocation is the content of the file that revokes a token.
type revocation struct {
	Format int              `json:"format"`
	At     audit.Time       `json:"at"`
	By     audit.IdentityID `json:"by"`
}

// OpenTokens opens the store in the data directory dir, which it makes if there
// is none.
func OpenTokens(fsys vfs.FS, dir string, clock func() time.Time) (*Tokens, error) {
	dir = filepath.Join(dir, "tokens")
	if err := fsys.MkdirAll(dir); err != nil {
		return nil, fmt.Errorf("open tokens: %w", err)
	}
	return &Tokens{fs: fsys, dir: dir, clock: clock}, nil
}

// Create makes a token. It returns the token itself, which nobody can show
// again, and what is kept of it, durably. A bad spec is a
// [audit.CodeValidationError] that lists every offender; a token that exists is
// a [audit.CodeIDConflict].
func (s *Tokens) Create(spec TokenSpec) (string, TokenInfo, error) {
	secret := spec.Token
	if secret == "" {
		secret = newToken()
	} else if !wellFormed(secret) {
		return "", TokenInfo{}, audit.Invalid([]audit.FieldError{{Field: "token",
			Message: "want skt_, 32 base62 digits and 6 of their checksum"}})
	}
	now := s.clock()
	info := TokenInfo{
		ID:           tokenIDPrefix + random(tokenIDDigits),
		Tenant:       spec.Tenant,
		Identity:     spec.Identity,
		IdentityType: identityType(spec.Identity),
		DisplayName:  spec.DisplayName,
		Scopes:       slices.Clone(spec.Scopes),
		PathPrefixes: slices.Clone(spec.PathPrefixes),
		CreatedAt:    audit.TimeOf(now),
		CreatedBy:    spec.CreatedBy,
		ExpiresAt:    audit.TimeOf(now.Add(spec.Lifetime)),
		LastFour:     secret[tokenWidth-4:],
	}
	if err := audit.Invalid(info.validate()); err != nil {
		return "", TokenInfo{}, err
	}
	if err := s.add(info, sha256.Sum256([]byte(secret))); err != nil {
		return "", TokenInfo{}, err
	}
	return secret, info, nil
}

func (s *Tokens) add(info TokenInfo, digest tokenDigest) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.load(); err != nil {
		return err
	}
	if t := s.byDigest[digest]; t != nil {
		return audit.Errorf(audit.CodeIDConflict, "create token: it exists as %s", t.info.ID)
	}
	data, err := encode(tokenFile{fileFormat, hex.EncodeToString(digest[:]), info})
	if err == nil {
		err = vfs.WriteNew(s.fs, s.path(info.ID, tokenSuffix), data)
	}
	if err != nil {
		return fmt.Errorf("create token: %w", err)
	}
	return s.load()
}

// Revoke ends a token, given by itself or by its id, durably. Who revokes one
// that is revoked already learns who did it first. An unknown one is a
// [audit.CodeNotFound].
func (s *Tokens) Revoke(tokenOrID string, by audit.IdentityID) (TokenInfo, error) {
	if !validIdentity(by) {
		return TokenInfo{}, audit.Errorf(audit.CodeValidationError,
			"revoke token: identity: want 1 to %d printable characters", audit.MaxIdentityID)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.load(); err != nil {
		return TokenInfo{}, err
	}
	t := s.byID[tokenOrID]
	if wellFormed(tokenOrID) {
		t = s.byDigest[sha256.Sum256([]byte(tokenOrID))]
	}
	if t == nil {
		return TokenInfo{}, audit.Errorf(audit.CodeNotFound, "revoke token: there is no such token")
	}
	id := t.info.ID
	data, err := encode(revocation{fileFormat, audit.TimeOf(s.clock()), by})
	if err == nil {
		err = vfs.WriteNew(s.fs, s.path(id, revokedSuffix), data)
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return TokenInfo{}, fmt.Errorf("revoke token %s: %w", id, err)
	}
	if err := s.load(); err != nil {
		return TokenInfo{}, err
	}
	return s.byID[id].info, nil
}

// List returns all tokens, the oldest first. Files that cannot be read are
// named by the error, beside the tokens that can.
func (s *Tokens) List() ([]TokenInfo, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.load(); err != nil {
		return nil, err
	}
	var infos []TokenInfo
	for _, t := range s.sorted() {
		info := t.info
		info.LastUsedAt = t.state.LastUsedAt
		infos = append(infos, info)
	}
	return infos, s.damaged
}

// Authenticate returns who presents the personal access token. What has not
// its checksum is refused without looking at the store.
func (s *Tokens) Authenticate(secret string) (*audit.Principal, error) {
	if !wellFormed(secret) {
		return nil, invalid("it is mistyped: its checksum is wrong")
	}
	digest := tokenDigest(sha256.Sum256([]byte(secret)))
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.reload(); err != nil {
		return nil, err
	}
	now := audit.TimeOf(s.clock())
	t := s.byDigest[digest]
	switch {
	case t == nil:
		return nil, invalid("it is unknown")
	case t.revoked:
		return nil, audit.Errorf(audit.CodeTokenRevoked, "token %s was revoked", t.info.ID)
	case now >= t.info.ExpiresAt:
		return nil, audit.Errorf(audit.CodeTokenExpired, "token %s expired at %s", t.info.ID, t.info.ExpiresAt)
	}
	t.use(now)
	return t.info.principal(), nil
}

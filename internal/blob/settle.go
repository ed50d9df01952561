package blob

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"
)

// stamp is what is kept with an object: whose it is and which upload wrote it.
type stamp struct{ owner, upload string }

// Names of the metadata, but for Azure, whose names have no hyphens.
const (
	ownerKey  = "scaivault-owner"
	uploadKey = "scaivault-upload"
)

func newStamp(owner string) stamp { return stamp{owner: owner, upload: rand.Text()} }

func (s stamp) metadata() map[string]string {
	return map[string]string{ownerKey: s.owner, uploadKey: s.upload}
}

// found is the object that has a key now.
type found struct {
	stamp
	version string // what the store calls this state of it, "" if there is no object
}

// object is an upload whose bytes are all with the store or in memory.
type object interface {
	// put makes the object visible if the one that has the key is still of
	// that version, else its error wraps errTaken.
	put(ctx context.Context, version string) error
	// look returns what has the key.
	look(ctx context.Context) (found, error)
}

// taken decides what [Bucket.Taken] answers by what was found.
func taken(there found, err error, owner string) (bool, error) {
	if errors.Is(err, ErrDenied) { // may write, not read
		return false, nil
	}
	return err == nil && there.version != "" && there.owner != owner, err
}

// settleTries bounds how often the object in the way may change meanwhile.
const settleTries = 4

// settle puts the object at its key. After an error it looks what is there:
// the answer to a put may be lost on its way, and the second try then meets
// the object of the first.
func settle(ctx context.Context, o object, mine stamp) error {
	version := ""
	for range settleTries {
		err := o.put(ctx, version)
		if err == nil || ctx.Err() != nil {
			return err
		}
		there, lookErr := o.look(ctx)
		switch {
		case lookErr != nil && errors.Is(err, errTaken) && errors.Is(lookErr, ErrDenied):
			return fmt.Errorf("%w: whose it is cannot be seen: %w", ErrConflict, lookErr)
		case lookErr != nil && errors.Is(err, errTaken):
			return lookErr
		case lookErr != nil:
			return err
		case there.stamp == mine:
			return nil
		case !errors.Is(err, errTaken):
			return err
		case there.version != "" && there.owner != mine.owner:
			return fmt.Errorf("commit object: %w", ErrConflict)
		}
		version = there.version
	}
	return errors.New("commit object: the object at its key changes all the time")
}

// tidyTimeout is how long tidying up may take after the work has been
// cancelled.
const tidyTimeout = 10 * time.Second

// tidying returns a context for tidying up after ctx.
func tidying(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), tidyTimeout)
}

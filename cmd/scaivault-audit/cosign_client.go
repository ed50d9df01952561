package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/scaivault/audit/internal/proof"
)

const (
	// witnessTimeout is how long a witness may take for an answer: it writes one
	// small file.
	witnessTimeout = 10 * time.Second
	// maxWitnessAnswer bounds an answer: a note with a hundred signatures is a
	// third of it.
	maxWitnessAnswer = 64 << 10
	// witnessSizeType is the type of the answer that says what a witness has.
	witnessSizeType = "text/x.tlog.size"
)

// errNoAnswer says that a witness cannot be reached.
var errNoAnswer = errors.New("no answer")

// witnessClient speaks to one witness (C2SP tlog-witness).
type witnessClient struct {
	base string // without a slash at its end
	key  *proof.WitnessKey
	http *http.Client
}

// noRedirect keeps an answer that sends elsewhere as it is.
func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// add asks for a cosignature and returns its lines. An error is a
// [*proof.StaleError] for a witness that is at another size, of which it may only
// see another root too, and [*refusedError] for what else it answers.
func (w *witnessClient) add(ctx context.Context, s *proof.Submission) ([]byte, error) {
	status, kind, body, err := w.do(ctx, http.MethodPost, "/add-checkpoint", s.Text())
	switch {
	case err != nil:
		return nil, err
	case status == http.StatusOK:
		return body, nil
	case status == http.StatusConflict && kind == witnessSizeType:
		size, err := strconv.ParseUint(strings.TrimSuffix(string(body), "\n"), 10, 48)
		if err != nil {
			return nil, fmt.Errorf("witness %s: its answer is no size", w.key.Name())
		}
		return nil, &proof.StaleError{Size: size}
	}
	return nil, fmt.Errorf("%w: %.100q", w.refused(&refusedError{status: status}), body)
}

// refused returns a refusal as an error of this witness.
func (w *witnessClient) refused(e *refusedError) error {
	return fmt.Errorf("witness %s: %w", w.key.Name(), e)
}

// latest returns what the witness saw last of a log.
func (w *witnessClient) latest(ctx context.Context, origin string) ([]byte, error) {
	status, _, body, err := w.do(ctx, http.MethodGet, "/"+proof.OriginHash(origin)+"/checkpoint", nil)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("witness %s: it answers %d", w.key.Name(), status)
	}
	return body, err
}

func (w *witnessClient) do(ctx context.Context, method, route string, body []byte) (status int, kind string,
	answer []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, method, w.base+route, bytes.NewReader(body))
	if err != nil {
		return 0, "", nil, err
	}
	req.Header.Set("User-Agent", "scaivault-audit/"+version())
	resp, err := w.http.Do(req)
	if err != nil {
		return 0, "", nil, fmt.Errorf("witness %s: %w: %w", w.key.Name(), errNoAnswer, err)
	}
	defer resp.Body.Close()
	answer, err = io.ReadAll(io.LimitReader(resp.Body, maxWitnessAnswer))
	if err != nil {
		return 0, "", nil, fmt.Errorf("witness %s: %w: %w", w.key.Name(), errNoAnswer, err)
	}
	return resp.StatusCode, resp.Header.Get("Content-Type"), answer, nil
}

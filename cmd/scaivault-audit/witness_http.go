package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/sync/errgroup"

	"github.com/scaivault/audit/internal/proof"
)

// witnessServer answers for a witness what C2SP tlog-witness says. Nobody needs a
// token: what it takes is signed by a log that it knows, and what it shows is
// signed by log and witness.
type witnessServer struct {
	witness *proof.Witness
	logger  *slog.Logger
	origins map[string]string // by their hashes
}

func (s *witnessServer) server() *http.Server {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /add-checkpoint", s.add)
	mux.HandleFunc("GET /{origin}/checkpoint", s.latest)
	return &http.Server{
		Handler: mux, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second,
		WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 32 << 10,
		ErrorLog: slog.NewLogLogger(s.logger.Handler(), slog.LevelWarn),
	}
}

// latest answers with what was seen of a log, cosigned.
func (s *witnessServer) latest(w http.ResponseWriter, r *http.Request) {
	_, note, ok := s.witness.Latest(s.origins[r.PathValue("origin")])
	if !ok {
		http.Error(w, "there is no checkpoint of such a log", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write(note)
}

// add takes a checkpoint and answers with the cosignature.
func (s *witnessServer) add(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, proof.MaxSubmission))
	if err != nil {
		http.Error(w, "the body is too long or cut off", http.StatusBadRequest)
		return
	}
	submission, err := proof.ParseSubmission(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	line, err := s.witness.Add(submission)
	if err != nil {
		s.refuse(w, submission, err)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write(line)
}

// refuse answers with the status that C2SP tlog-witness has for an error.
func (s *witnessServer) refuse(w http.ResponseWriter, submission *proof.Submission, err error) {
	origin, _, _ := strings.Cut(string(submission.Checkpoint), "\n")
	var stale *proof.StaleError
	switch {
	case errors.As(err, &stale):
		writeWitnessSize(w, stale.Size)
	case errors.Is(err, proof.ErrUnknownLog):
		http.Error(w, "the log is not known here", http.StatusNotFound)
	case errors.Is(err, proof.ErrUnsigned):
		http.Error(w, "none of the keys of the log signed it", http.StatusForbidden)
	case errors.Is(err, proof.ErrSubmission):
		http.Error(w, err.Error(), http.StatusBadRequest)
	case errors.Is(err, proof.ErrFork):
		s.logger.Error("FORK: another root of the size that was seen", "origin", origin, "error", err)
		last, _, _ := s.witness.Latest(origin)
		writeWitnessSize(w, last.Size)
	case errors.Is(err, proof.ErrInconsistent):
		// Anybody may send a checkpoint of the log with a proof that is wrong.
		s.logger.Error("A checkpoint of the log is not proved to continue what was seen", "origin", origin, "error", err)
		http.Error(w, "the proof does not lead to this checkpoint", http.StatusUnprocessableEntity)
	default:
		s.logger.Error("cosign", "origin", origin, "error", err)
		http.Error(w, "the witness cannot write", http.StatusInternalServerError)
	}
}

// writeWitnessSize answers 409 with the size that was seen.
func writeWitnessSize(w http.ResponseWriter, size uint64) {
	w.Header().Set("Content-Type", witnessSizeType)
	w.WriteHeader(http.StatusConflict)
	fmt.Fprintf(w, "%d\n", size)
}

// originsOf returns the origins by their hashes, as the URLs of a witness have
// them.
func originsOf(logs map[string]note.Verifiers) map[string]string {
	origins := make(map[string]string)
	for origin := range logs {
		origins[proof.OriginHash(origin)] = origin
	}
	return origins
}

// serveWitness answers requests until ctx ends.
func serveWitness(ctx context.Context, group *errgroup.Group, listener net.Listener, s *witnessServer) {
	server := s.server()
	group.Go(func() error {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve: %w", err)
		}
		return nil
	})
	group.Go(func() error {
		<-ctx.Done()
		drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
		defer cancel()
		return server.Shutdown(drain)
	})
}

package main

import (
	"bytes"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/client"
	"github.com/scaivault/audit/internal/source"
)

// format turns the lines of an input into events, as JSON that the server
// reads.
type format interface {
	// events returns the events that a line completes, until the next call. The
	// error is of this line only.
	events(line []byte) ([][]byte, error)
	// idle returns the events that need no further line, of an input that has
	// no end.
	idle() [][]byte
	// end returns the events that the end of the input completes.
	end() [][]byte
	// longest is the longest line in bytes.
	longest() int
	// firstWins says that an event whose id the log has is the same thing told
	// again, in whatever words.
	firstWins() bool
}

// plainFormat is one event of this log per line. Whether it is one is for the
// server to say.
type plainFormat struct{}

func (plainFormat) events(line []byte) ([][]byte, error) {
	if line = bytes.TrimSpace(line); len(line) == 0 {
		return nil, nil
	}
	return [][]byte{line}, nil
}

func (plainFormat) idle() [][]byte { return nil }
func (plainFormat) end() [][]byte  { return nil }

// An event of this log that is longer than a batch cannot be valid.
func (plainFormat) longest() int { return batchBytes }

func (plainFormat) firstWins() bool { return false }

// vaultFormat is the lines of an audit device of Vault or OpenBao.
type vaultFormat struct {
	pairer *source.Pairer
	room   []byte // for the events of one call
}

func (f *vaultFormat) events(line []byte) ([][]byte, error) {
	events, err := f.pairer.Add(line)
	return f.encode(events), err
}

func (f *vaultFormat) idle() [][]byte { return f.encode(f.pairer.Flush()) }
func (f *vaultFormat) end() [][]byte  { return f.encode(f.pairer.Close()) }
func (*vaultFormat) longest() int     { return source.MaxVaultLine }

// Of several devices the first counts; their lines differ by their hashes.
func (*vaultFormat) firstWins() bool { return true }

func (f *vaultFormat) encode(events []audit.Event) (lines [][]byte) {
	f.room = f.room[:0]
	for i := range events {
		start := len(f.room)
		f.room = client.AppendEvent(f.room, &events[i])
		lines = append(lines, f.room[start:])
	}
	return lines
}

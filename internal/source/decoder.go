package source

import (
	"bytes"
	"errors"
	"io"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// decoder reads the tokens of a line of any length.
type decoder struct{ *jsontext.Decoder }

func newDecoder(in io.Reader) decoder {
	return decoder{jsontext.NewDecoder(in, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))}
}

func (d decoder) kind() jsontext.Kind { return d.PeekKind() }

func (d decoder) begin() error {
	_, err := d.ReadToken()
	return err
}

func (d decoder) more() bool {
	kind := d.PeekKind()
	return kind != '}' && kind != ']'
}

func (d decoder) end(jsontext.Kind) error {
	_, err := d.ReadToken()
	return err
}

func (d decoder) name() (string, error) {
	raw, err := d.ReadValue()
	if err != nil {
		return "", err
	}
	if inner := raw[1 : len(raw)-1]; bytes.IndexByte(inner, '\\') < 0 && utf8.Valid(inner) {
		return string(inner), nil
	}
	text, err := jsontext.AppendUnquote(nil, raw)
	if err != nil && !utf8.Valid(raw) {
		err = nil // as in the texts, U+FFFD stands for what is not valid
	}
	return string(text), err
}

func (d decoder) value() (string, error) {
	t, err := d.ReadToken()
	if err != nil {
		return "", err
	}
	return t.String(), nil
}

func (d decoder) scalar() (string, error) {
	v, err := d.ReadValue()
	return string(v), err
}

func (d decoder) skip() error { return d.SkipValue() }

var errFollows = errors.New("text follows the object")

func (d decoder) finish() error {
	_, err := d.ReadToken()
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case err == nil:
		return errFollows
	}
	return err
}

package source

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/scaivault/audit"
)

// otlpScope is the log records of one scope of one resource. All are messages as
// they were sent, nil where one is absent: a body is taken apart before any of
// it is read, so that two bytes cannot cost the memory of a whole record.
type otlpScope struct {
	resource, scope []byte
	records         [][]byte
}

// otlpCount bounds what a body may hold.
type otlpCount struct{ groups, records int }

// group counts a resource or a scope.
func (c *otlpCount) group() error {
	if c.groups++; c.groups > audit.MaxBatch {
		return audit.Errorf(audit.CodePayloadTooLarge, "the body has more than %d resources and scopes", audit.MaxBatch)
	}
	return nil
}

// record counts a log record.
func (c *otlpCount) record() error {
	if c.records++; c.records > audit.MaxBatch {
		return audit.Errorf(audit.CodePayloadTooLarge,
			"the body has more than %d log records; send fewer at a time", audit.MaxBatch)
	}
	return nil
}

// Numbers of the fields of opentelemetry.proto.logs.v1 that hold others: of
// LogsData, of ResourceLogs and of ScopeLogs.
const (
	fieldResourceLogs = 1
	fieldResource     = 1
	fieldScopeLogs    = 2
	fieldScope        = 1
	fieldLogRecords   = 2
)

// splitProtobuf takes a binary body apart. A message that comes in pieces is put
// together by joining them, as protobuf says.
func splitProtobuf(body []byte) (scopes []otlpScope, err error) {
	var count otlpCount
	err = messages(body, func(field protowire.Number, text []byte) error {
		if field != fieldResourceLogs {
			return nil
		}
		first := len(scopes)
		var resource []byte
		err := messages(text, func(field protowire.Number, text []byte) error {
			switch field {
			case fieldResource:
				resource = slices.Concat(resource, text)
			case fieldScopeLogs:
				s, err := splitScope(text, &count)
				scopes = append(scopes, s)
				return errors.Join(err, count.group())
			}
			return nil
		})
		for i := range scopes[first:] {
			scopes[first+i].resource = resource
		}
		return errors.Join(err, count.group())
	})
	return scopes, err
}

// splitScope takes the binary records of a scope apart.
func splitScope(text []byte, count *otlpCount) (s otlpScope, err error) {
	err = messages(text, func(field protowire.Number, text []byte) error {
		switch field {
		case fieldScope:
			s.scope = slices.Concat(s.scope, text)
		case fieldLogRecords:
			s.records = append(s.records, text)
			return count.record()
		}
		return nil
	})
	return s, err
}

// messages shows the fields of a message that may be messages to see.
func messages(text []byte, see func(field protowire.Number, text []byte) error) error {
	for len(text) > 0 {
		field, kind, n := protowire.ConsumeTag(text)
		if n < 0 {
			return malformedOTLP("no protobuf of OTLP logs: %s", protowire.ParseError(n))
		}
		text = text[n:]
		if n = protowire.ConsumeFieldValue(field, kind, text); n < 0 {
			return malformedOTLP("no protobuf of OTLP logs: field %d: %s", field, protowire.ParseError(n))
		}
		if kind == protowire.BytesType {
			value, _ := protowire.ConsumeBytes(text[:n])
			if err := see(field, value); err != nil {
				return err
			}
		}
		text = text[n:]
	}
	return nil
}

// splitJSON takes a JSON body apart. Names are in lowerCamelCase, as OTLP has
// them; a name that stands twice makes no JSON.
func splitJSON(body []byte) ([]otlpScope, error) {
	s := jsonSplitter{body: body, dec: jsontext.NewDecoder(bytes.NewReader(body))}
	err := s.object(func(name string) error {
		if name != "resourceLogs" {
			return s.dec.SkipValue()
		}
		return s.array(s.resourceLogs)
	})
	if err == nil {
		if _, err = s.dec.ReadToken(); errors.Is(err, io.EOF) {
			return s.scopes, nil
		}
		if err == nil {
			err = errors.New("something follows the object")
		}
	}
	if _, ok := errors.AsType[*audit.Error](err); ok {
		return nil, err
	}
	return nil, malformedOTLP("no JSON of OTLP logs: %s", err)
}

// jsonSplitter walks over the tokens of a body.
type jsonSplitter struct {
	body   []byte
	dec    *jsontext.Decoder
	count  otlpCount
	scopes []otlpScope
}

// resourceLogs takes one element of resourceLogs.
func (s *jsonSplitter) resourceLogs() error {
	if err := s.count.group(); err != nil {
		return err
	}
	first := len(s.scopes)
	var resource []byte
	err := s.object(func(name string) (err error) {
		switch name {
		case "resource":
			resource, err = s.value()
			return err
		case "scopeLogs":
			return s.array(s.scopeLogs)
		}
		return s.dec.SkipValue()
	})
	for i := range s.scopes[first:] {
		s.scopes[first+i].resource = resource
	}
	return err
}

// scopeLogs takes one element of scopeLogs.
func (s *jsonSplitter) scopeLogs() error {
	if err := s.count.group(); err != nil {
		return err
	}
	var scope otlpScope
	err := s.object(func(name string) (err error) {
		switch name {
		case "scope":
			scope.scope, err = s.value()
			return err
		case "logRecords":
			return s.array(func() error {
				record, err := s.value()
				scope.records = append(scope.records, record)
				return errors.Join(err, s.count.record())
			})
		}
		return s.dec.SkipValue()
	})
	s.scopes = append(s.scopes, scope)
	return err
}

// value takes a value as it stands in the body.
func (s *jsonSplitter) value() ([]byte, error) {
	v, err := s.dec.ReadValue()
	if err != nil || v.Kind() == 'n' {
		return nil, err
	}
	end := s.dec.InputOffset()
	return s.body[end-int64(len(v)) : end], nil
}

// object reads an object or null; member must read the value of each member.
func (s *jsonSplitter) object(member func(name string) error) error {
	return s.list('{', '}', "an object", func() error {
		name, err := s.dec.ReadToken()
		if err != nil {
			return err
		}
		return member(name.String())
	})
}

// array reads an array or null; element must read each element.
func (s *jsonSplitter) array(element func() error) error {
	return s.list('[', ']', "an array", element)
}

func (s *jsonSplitter) list(begin, end jsontext.Kind, what string, one func() error) error {
	begun, err := s.dec.ReadToken()
	switch {
	case err != nil:
		return err
	case begun.Kind() == 'n':
		return nil
	case begun.Kind() != begin:
		return fmt.Errorf("want %s before byte %d", what, s.dec.InputOffset())
	}
	for s.dec.PeekKind() != end {
		if err := one(); err != nil {
			return err
		}
	}
	_, err = s.dec.ReadToken()
	return err
}

package registry

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/shmbus/shmbus/internal/clock"
	"github.com/shmbus/shmbus/internal/errdefs"
)

// A prefix is the beginning of an endpoint page. Pages with equal prefixes hold the same record.
type prefix struct {
	state, number uint32
	generation    uint64
	length, sum   uint32
}

func parsePrefix(b []byte) prefix {
	return prefix{
		state:      native.Uint32(b[offEndpointState:]),
		number:     native.Uint32(b[offNumber:]),
		generation: native.Uint64(b[offGeneration:]),
		length:     native.Uint32(b[offBodyLength:]),
		sum:        native.Uint32(b[offBodyCRC:]),
	}
}

// put writes everything but the state word into an empty page.
func (p *prefix) put(page, body []byte) {
	native.PutUint32(page[offNumber:], p.number)
	native.PutUint64(page[offGeneration:], p.generation)
	native.PutUint32(page[offBodyLength:], uint32(len(body)))
	copy(page[offBody:], body)
	native.PutUint32(page[offBodyCRC:], checksum(page[offNumber:offBodyCRC], body))
}

// encodeBody returns the body of a record. It makes all checks that a reader makes.
func encodeBody(e *Endpoint) ([]byte, error) {
	if err := checkEndpoint(e); err != nil {
		return nil, err
	}
	b := make([]byte, offTexts, 256)
	native.PutUint64(b[offEndpointSince:], uint64(e.Since))
	native.PutUint64(b[offMaxPayload:], e.MaxPayload)
	native.PutUint32(b[offSchemaSize:], uint32(len(e.Schema)))
	native.PutUint32(b[offSchemaCRC:], checksum(e.Schema))
	native.PutUint32(b[offDepth:], e.Depth)
	native.PutUint32(b[offHistory:], e.History)
	b[offKind] = byte(e.Kind)
	for _, f := range []struct {
		set bool
		bit byte
	}{{e.AnyType, flagAnyType}, {e.Latched, flagLatched}, {e.Lossless, flagLossless}, {e.ChecksSchema, flagChecksSchema}} {
		if f.set {
			b[offFlags] |= f.bit
		}
	}
	native.PutUint16(b[offPatternCount:], uint16(len(e.Patterns)))
	texts := append([]string{e.Topic, e.TypeName, e.Encoding, e.SchemaEncoding}, e.Patterns...)
	for _, key := range slices.Sorted(maps.Keys(e.Metadata)) {
		texts = append(texts, key, e.Metadata[key])
	}
	for _, text := range texts {
		b = append(native.AppendUint16(b, uint16(len(text))), text...)
	}
	if len(b) > maxBody {
		return nil, &errdefs.LimitError{What: "bytes in the names of one " + e.Kind.String(), Limit: maxBody - offTexts,
			Remedy: "use shorter names, or spread the patterns over several subscriptions"}
	}
	return b, nil
}

// A schemaRef is the size and checksum that a record has of its schema file.
type schemaRef struct{ size, sum uint32 }

// parseRecord parses and checks an endpoint page. b holds at least the prefix and as many bytes of the body as the prefix
// announces. The returned endpoint has no participant and no schema.
func parseRecord(b []byte) (Endpoint, schemaRef, error) {
	p := parsePrefix(b)
	if p.length < offTexts || p.length > maxBody || int(p.length) > len(b)-offBody {
		return Endpoint{}, schemaRef{}, fmt.Errorf("the record announces %d bytes", p.length)
	}
	body := b[offBody : offBody+p.length]
	if checksum(b[offNumber:offBodyCRC], body) != p.sum {
		return Endpoint{}, schemaRef{}, errors.New("the checksum of the record is wrong")
	}
	e := Endpoint{
		ID:         EndpointID{Number: p.number},
		Kind:       Kind(body[offKind]),
		Since:      clock.Stamp(native.Uint64(body[offEndpointSince:])),
		MaxPayload: native.Uint64(body[offMaxPayload:]),
		Depth:      native.Uint32(body[offDepth:]),
		History:    native.Uint32(body[offHistory:]),
		AnyType:    body[offFlags]&flagAnyType != 0,
		Latched:    body[offFlags]&flagLatched != 0,
		Lossless:   body[offFlags]&flagLossless != 0,

		ChecksSchema: body[offFlags]&flagChecksSchema != 0,
	}
	schema := schemaRef{native.Uint32(body[offSchemaSize:]), native.Uint32(body[offSchemaCRC:])}
	count := int(native.Uint16(body[offPatternCount:]))
	texts := body[offTexts:]
	ok := true
	text := func() (s string) {
		s, texts, ok = cutText(texts, ok)
		return s
	}
	e.Topic, e.TypeName, e.Encoding, e.SchemaEncoding = text(), text(), text(), text()
	for range count {
		if !ok {
			break
		}
		e.Patterns = append(e.Patterns, text())
	}
	for ok && len(texts) > 0 {
		if e.Metadata == nil {
			e.Metadata = make(map[string]string)
		}
		key, value := text(), text()
		if _, twice := e.Metadata[key]; twice {
			return Endpoint{}, schemaRef{}, fmt.Errorf("the metadata has the key %.100q twice", key)
		}
		e.Metadata[key] = value
	}
	switch {
	case !ok || len(texts) != 0:
		return Endpoint{}, schemaRef{}, errors.New("the texts do not fill the record")
	case uint32(e.Kind) != p.state:
		return Endpoint{}, schemaRef{}, fmt.Errorf("the state word is %d in the record of a %v", p.state, e.Kind)
	case p.number == 0:
		return Endpoint{}, schemaRef{}, errors.New("the endpoint has number 0")
	case schema.size > MaxSchema:
		return Endpoint{}, schemaRef{}, fmt.Errorf("the schema has %d bytes, more than %d", schema.size, MaxSchema)
	}
	return e, schema, checkEndpoint(&e)
}

func cutText(b []byte, ok bool) (string, []byte, bool) {
	if !ok || len(b) < 2 {
		return "", nil, false
	}
	n := int(native.Uint16(b))
	if n > len(b)-2 {
		return "", nil, false
	}
	return string(b[2 : 2+n]), b[2+n:], true
}

// checkEndpoint checks an endpoint before it is advertised, and after it is read.
func checkEndpoint(e *Endpoint) error {
	switch e.Kind {
	case KindPublisher:
		if err := CheckTopic(e.Topic); err != nil {
			return err
		}
		if len(e.Patterns) != 0 {
			return fmt.Errorf("the publisher of %q has patterns; only subscriptions have them", e.Topic)
		}
	case KindSubscription:
		if e.Topic != "" {
			if err := CheckPattern(e.Topic); err != nil {
				return err
			}
		}
		if len(e.Patterns) == 0 {
			return errors.New("the subscription has no pattern, so it would never hear anything")
		}
		for _, p := range e.Patterns {
			if err := CheckPattern(p); err != nil {
				return err
			}
		}
	default:
		return fmt.Errorf("there is no kind of endpoint %d; use KindPublisher or KindSubscription", e.Kind)
	}
	if err := checkMetadata(e); err != nil {
		return err
	}
	for _, t := range []struct{ what, text string }{
		{"type name", e.TypeName}, {"encoding", e.Encoding}, {"schema encoding", e.SchemaEncoding},
	} {
		if !isPlain(t.text) {
			return &NameError{What: t.what, Name: t.text, Rule: plainRule}
		}
		if len(t.text) > maxBody {
			return &NameError{What: t.what, Name: t.text, Rule: fmt.Sprintf("it must have at most %d bytes", maxBody)}
		}
	}
	if len(e.Schema) > MaxSchema {
		return &errdefs.LimitError{What: "bytes of schema of one " + e.Kind.String(), Limit: MaxSchema,
			Remedy: "leave out what the type does not use, or send the schema on a topic of its own"}
	}
	return nil
}

const plainRule = "it must be valid UTF-8 without control characters"

func isPlain(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}

func checkMetadata(e *Endpoint) error {
	if len(e.Metadata) > 0 && e.Kind != KindPublisher {
		return fmt.Errorf("the %v has metadata; only publishers have them", e.Kind)
	}
	size := 0
	for key, value := range e.Metadata {
		if key == "" {
			return errors.New("a key of the metadata is empty")
		}
		for _, text := range []string{key, value} {
			if !isPlain(text) {
				return &NameError{What: "key or value of metadata", Name: text, Rule: plainRule}
			}
			size += len(text)
		}
	}
	if size > MaxMetadata {
		return &errdefs.LimitError{What: "bytes in the metadata of one publisher", Limit: MaxMetadata,
			Remedy: "publish what is long on a topic of its own"}
	}
	return nil
}

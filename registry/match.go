package registry

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Match returns nil when the type of the publisher fits the subscription: the subscription accepts any type, or the encodings
// are equal, the type names are equal (an empty name fits any), and the schemas are equal where both sides have one. The
// schemas may differ if payloads of the encoding name their fields and the kinds of these, as those of JSON do, or if the
// subscription compares schemas itself.
// Otherwise it returns a *TypeMismatchError without Unit, PID and Executable, which Registry.Match adds.
func Match(pub, sub Endpoint) error {
	if sub.AnyType {
		return nil
	}
	suits := pub.Encoding == sub.Encoding &&
		(pub.TypeName == sub.TypeName || pub.TypeName == "" || sub.TypeName == "") &&
		(len(pub.Schema) == 0 || len(sub.Schema) == 0 || bytes.Equal(pub.Schema, sub.Schema) || evolves(pub.Encoding) || sub.ChecksSchema)
	if suits {
		return nil
	}
	return Mismatch(pub, sub, firstDifference(pub.Schema, sub.Schema))
}

// maxDifference is the length in bytes at which the text of a difference is cut. It may quote names of the other process's schema.
const maxDifference = 500

// Mismatch returns the error for a subscription that checked the publisher's schema itself and found the difference. It has no Unit, PID
// and Executable.
func Mismatch(pub, sub Endpoint, difference string) *TypeMismatchError {
	if len(difference) > maxDifference {
		difference = strings.ToValidUTF8(difference[:maxDifference], "") + "..."
	}
	return &TypeMismatchError{Topic: pub.Topic, Publisher: typeRef(pub), Subscription: typeRef(sub), Difference: difference}
}

// evolves reports whether a decoder of another version of a type skips the fields that it does not know, leaves those that are
// missing zero, and returns an error for a field of another kind. A decoder of protobuf takes such a field for an unknown one,
// so it would be lost without a word, unless the subscription compares the schemas. The names are those of MCAP's registry.
func evolves(encoding string) bool {
	switch strings.TrimPrefix(encoding, CallEncoding) {
	case "json", "cbor", "msgpack":
		return true
	}
	return false
}

// CallEncoding begins the encoding of a topic that carries the requests or responses of a service. The encoding of their values follows.
const CallEncoding = "call+"

// firstDifference returns the first lines in which two schemas differ, or "" if one is missing or no text.
func firstDifference(pub, sub []byte) string {
	if len(pub) == 0 || len(sub) == 0 || !utf8.Valid(pub) || !utf8.Valid(sub) {
		return ""
	}
	for n := 1; len(pub) > 0 || len(sub) > 0; n++ {
		var a, b []byte
		a, pub, _ = bytes.Cut(pub, []byte("\n"))
		b, sub, _ = bytes.Cut(sub, []byte("\n"))
		if !bytes.Equal(a, b) {
			skip := max(0, commonPrefix(a, b)-40)
			return fmt.Sprintf("line %d: %s, %s", n, excerpt(a, skip), excerpt(b, skip))
		}
	}
	return ""
}

func commonPrefix(a, b []byte) (n int) {
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// excerpt quotes a part of a line from byte skip on.
func excerpt(line []byte, skip int) string {
	before := ""
	if skip > 0 {
		before = "..."
	}
	return before + fmt.Sprintf("%.80q", line[skip:])
}

// Match is the function Match. It adds the processes of the two endpoints to the error, as far as this registry knows them.
func (r *Registry) Match(pub, sub Endpoint) error {
	err := Match(pub, sub)
	if e, ok := err.(*TypeMismatchError); ok {
		r.describeBoth(e)
	}
	return err
}

// Mismatch is the function Mismatch. It adds the processes of the two endpoints to the error, as far as this registry knows them.
func (r *Registry) Mismatch(pub, sub Endpoint, difference string) *TypeMismatchError {
	e := Mismatch(pub, sub, difference)
	r.describeBoth(e)
	return e
}

func (r *Registry) describeBoth(e *TypeMismatchError) {
	r.describe(&e.Publisher)
	r.describe(&e.Subscription)
}

// describe adds the process of the endpoint to t, as far as it is known.
func (r *Registry) describe(t *TypeRef) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var p Participant
	if id := t.EndpointID.Participant; id == r.self.id {
		p = r.self.participant()
	} else if k := r.peers[id]; k != nil {
		p = k.info
	}
	t.Unit, t.PID, t.Executable = p.Unit, p.PID, p.Executable
}

// A TypeMismatchError says that a publisher and a subscription of the same topic have different types. The subscription gets
// no sample of that publisher.
type TypeMismatchError struct {
	Topic        string
	Publisher    TypeRef
	Subscription TypeRef
	Difference   string // where the schemas differ; empty if they are equal, or no text that was compared
}

func (e *TypeMismatchError) Error() string {
	var difference string
	if e.Difference != "" {
		difference = " (schemas differ: " + e.Difference + ")"
	}
	return fmt.Sprintf("topic %q: published as %v, subscribed as %v%s; give both sides the same type and codec, or subscribe as []byte without a codec",
		e.Topic, e.Publisher, e.Subscription, difference)
}

// A TypeRef is a type and the endpoint that announced it.
type TypeRef struct {
	EndpointID EndpointID
	TypeName   string
	Encoding   string
	SchemaHash string // the first 16 hexadecimal digits of the schema's SHA-256; empty without a schema
	Unit       string
	PID        int
	Executable string
}

func (t TypeRef) String() string {
	var b strings.Builder
	name := t.TypeName
	if name == "" {
		name = "unnamed type"
	}
	fmt.Fprintf(&b, "%s in encoding %q", name, t.Encoding)
	if t.SchemaHash != "" {
		fmt.Fprintf(&b, " with schema %s", t.SchemaHash)
	}
	if t.PID == 0 {
		fmt.Fprintf(&b, " (by %v)", t.EndpointID)
	} else {
		fmt.Fprintf(&b, " (by %s, pid %d, %s, %v)", t.Unit, t.PID, t.Executable, t.EndpointID)
	}
	return b.String()
}

func typeRef(e Endpoint) TypeRef {
	t := TypeRef{EndpointID: e.ID, TypeName: e.TypeName, Encoding: e.Encoding}
	if len(e.Schema) != 0 {
		sum := sha256.Sum256(e.Schema)
		t.SchemaHash = hex.EncodeToString(sum[:8])
	}
	return t
}

package watch

import (
	"bytes"

	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/serde/dynamic"
)

// A connection is a publisher and a subscription of its topic.
type connection struct{ publisher, subscription registry.EndpointID }

// maxCompared is the length in bytes above which schemas are taken to fit: a hostile one would take too long.
const maxCompared = 1 << 20

// mismatch returns why the publisher's type does not fit the subscription, or nil. Of a subscription that checks schemas itself it finds
// out what the codec of that encoding finds, which may be of another version.
func (t *Tracker) mismatch(pub, sub registry.Endpoint) error {
	if err := registry.Match(pub, sub); err != nil {
		return err
	}
	if !sub.ChecksSchema || bytes.Equal(pub.Schema, sub.Schema) || len(pub.Schema)+len(sub.Schema) > maxCompared {
		return nil
	}
	key := connection{pub.ID, sub.ID}
	err, compared := t.compared[key]
	if !compared {
		err = dynamic.Compatible(typeOf(pub), typeOf(sub))
		t.compared[key] = err
	}
	return err
}

// Fits reports whether messages of a publisher reach a subscription of its topic.
func Fits(pub, sub registry.Endpoint) bool { return NewTracker(nil).mismatch(pub, sub) == nil }

func typeOf(e registry.Endpoint) serde.Type {
	return serde.Type{Name: e.TypeName, Encoding: e.Encoding, SchemaEncoding: e.SchemaEncoding, Schema: e.Schema}
}

package newest

import (
	"maps"
	"os"
	"slices"
	"testing"

	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/topic"
)

func TestUndecodable_TopicsThatLie(t *testing.T) {
	dir, err := os.MkdirTemp("/dev/shm", "shmbus-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	p, err := topic.Join(&topic.Options{Dir: dir, Unit: "liar"})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	asked := make(map[string]bool)
	publish := func(name string, kind serde.Type, payloads ...string) {
		t.Helper()
		pub, err := topic.NewPublisher(t.Context(), p, name, &topic.PublisherOptions[[]byte]{Codec: serde.Opaque(kind)})
		if err != nil {
			t.Fatal(err)
		}
		for _, payload := range payloads {
			if _, err := pub.Publish(t.Context(), []byte(payload)); err != nil {
				t.Fatal(err)
			}
		}
		asked[name] = true
	}
	publish("honest", serde.Type{Encoding: "json"}, "{}")
	publish("honest again", serde.Type{Encoding: "json"}, "{", "{}")
	publish("json", serde.Type{Encoding: "json"}, "{}", "{")
	publish("msgpack", serde.Type{Encoding: "msgpack"}, `{"x":1}`)
	publish("cbor", serde.Type{Encoding: "cbor"}, "\xff")
	publish("string", serde.Type{Encoding: "string"}, "\xff")
	publish("raw", serde.Type{Encoding: "raw"}, "\xff")
	publish("unknown", serde.Type{Encoding: "x"}, "\xff")
	publish("without a schema", serde.Type{Name: "a.B", Encoding: "protobuf"}, "\xff")
	publish("silent", serde.Type{Encoding: "json"})
	publish("large", serde.Type{Encoding: "json"}, string(make([]byte, MaxPayload+1)))
	publish("not asked", serde.Type{Encoding: "json"}, "{")
	delete(asked, "not asked")
	publish("of two", serde.Type{Encoding: "json"}, "{")
	publish("of two", serde.Type{Encoding: "json"}, "{}")

	wrong, err := Undecodable(t.Context(), topic.Options{Dir: dir}, asked)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := slices.Sorted(maps.Keys(wrong)), []string{"cbor", "json", "msgpack", "of two", "string"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q: %v", got, want, wrong)
	}
}

package goal

import (
	"bytes"
	"testing"

	"github.com/shmbus/shmbus/serde"
)

func FuzzParseUpdate(f *testing.F) {
	for _, u := range []update{{}, {state: Accepted}, {state: Running, content: hasFeedback, value: []byte("1")}, {state: Failed, content: hasError, code: 3, text: "text", value: []byte("value")}, {state: Cancelled, text: "why"}} {
		f.Add(u.bytes())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		u, err := parseUpdate(b)
		if err != nil {
			return
		}
		again, err := parseUpdate(u.bytes())
		if err != nil || again.state != u.state || again.content != u.content || again.code != u.code || again.text != u.text || !bytes.Equal(again.value, u.value) {
			t.Fatalf("%+v was read again as %+v, %v", u, again, err)
		}
	})
}

func TestParseUpdate_Refuses(t *testing.T) {
	for name, b := range map[string][]byte{
		"nothing":               nil,
		"half a header":         update{state: Running}.bytes()[:updateHeader-1],
		"lost":                  {byte(Lost), updateHeader - 1: 0},
		"an unknown state":      {200, updateHeader - 1: 0},
		"an unknown content":    {byte(Running), 9, updateHeader - 1: 0},
		"feedback after it":     update{state: Succeeded, content: hasFeedback}.bytes(),
		"success without value": update{state: Succeeded}.bytes(),
		"a result of a failure": update{state: Failed, content: hasResult}.bytes(),
		"text that is cut off":  update{state: Failed, content: hasError, text: "text"}.bytes()[:updateHeader+3],
	} {
		if u, err := parseUpdate(b); err == nil {
			t.Errorf("%s: %+v", name, u)
		}
	}
}

func TestRequests(t *testing.T) {
	c := requestCodec[[]byte]{serde.Raw()}
	want := request[[]byte]{NewID(), opStart, []byte("value")}
	b, err := c.Encoder().Append([]byte("before"), want)
	if err != nil {
		t.Fatal(err)
	}
	b = b[len("before"):]
	var got request[[]byte]
	if err := c.Decoder().Decode(b, &got); err != nil || got.id != want.id || got.op != opStart || string(got.value) != "value" {
		t.Fatal(got, err)
	}
	clear(b) // the shared memory is used again
	if string(got.value) != "value" {
		t.Fatal("the value is not a copy")
	}
	for name, b := range map[string][]byte{
		"nothing":              nil,
		"half a header":        make([]byte, requestHeader-1),
		"no operation":         make([]byte, requestHeader),
		"an unknown operation": append(make([]byte, len(ID{})), 9, 0, 0, 0, 0, 0, 0, 0),
		"a cancel of a value":  append(make([]byte, len(ID{})), byte(opCancel), 0, 0, 0, 0, 0, 0, 0, 1),
	} {
		if err := c.Decoder().Decode(b, &got); err == nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestID(t *testing.T) {
	id := NewID()
	if id == NewID() {
		t.Error("two ids are equal")
	}
	text, _ := id.MarshalText()
	var got ID
	if err := got.UnmarshalText(text); err != nil || got != id || len(text) != 32 {
		t.Errorf("%v became %s and %v, %v", id, text, got, err)
	}
	for _, text := range []string{"", "0", id.String()[1:], id.String() + "0", "x" + id.String()[1:]} {
		if got, err := ParseID(text); err == nil || got != (ID{}) {
			t.Errorf("%q is %v", text, got)
		}
	}
}

package edit

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/foxglove/mcap/go/mcap"
)

func recordOf(op mcap.OpCode, body ...byte) []byte {
	return slices.Concat([]byte{byte(op)}, binary.LittleEndian.AppendUint64(nil, uint64(len(body))), body)
}

// channel declares a channel of topic "a", and a schema or 0.
func channel(id, schema byte) []byte {
	return recordOf(mcap.OpChannel, id, 0, schema, 0, 1, 0, 0, 0, 'a', 0, 0, 0, 0, 0, 0, 0, 0)
}

// message is a message of a channel with its log time as the sequence number.
func message(channel, at byte) []byte {
	return recordOf(mcap.OpMessage, channel, 0, at, 0, 0, 0, at, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
}

func schema(id byte, name byte) []byte {
	return recordOf(mcap.OpSchema, id, 0, 1, 0, 0, 0, name, 0, 0, 0, 0, 0, 0, 0, 0)
}

// raw returns a file of these records.
func raw(records ...[]byte) []byte {
	return slices.Concat(mcap.Magic, slices.Concat(records...), recordOf(mcap.OpDataEnd, 0, 0, 0, 0), recordOf(mcap.OpFooter, make([]byte, 20)...), mcap.Magic)
}

func saved(t testing.TB, file []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "raw.mcap")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Two connections of one topic are two channels, also where nothing but the number tells them apart.
func TestRewrite_ChannelsThatAreAlike(t *testing.T) {
	twins := raw(channel(1, 0), channel(2, 0), message(1, 1), message(2, 101), message(1, 2), message(2, 102))
	turned := raw(channel(7, 0), message(7, 3), channel(1, 0), message(1, 103))
	for name, c := range map[string]struct {
		from []string
		want string // numbers of channels and messages
	}{
		"one":           {[]string{saved(t, twins)}, "0-1 1-101 0-2 1-102"},
		"joined":        {[]string{saved(t, slices.Concat(twins, turned))}, "0-1 1-101 0-2 1-102 0-3 1-103"},
		"merged":        {[]string{saved(t, twins), saved(t, turned)}, "0-1 0-2 0-3 1-101 1-102 1-103"},
		"declared back": {[]string{saved(t, raw(channel(1, 0), message(1, 1), schema(1, 'T'), channel(1, 1), channel(1, 0), message(1, 2)))}, "0-1 0-2"},
	} {
		var from []Source
		for _, path := range c.from {
			from = append(from, Source{Path: path})
		}
		_, out := rewrite(t, nil, from...)
		if got := numbers(t, out); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// numbers returns the channels and log times of messages by the library of the MCAP project.
func numbers(t testing.TB, path string) string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := mcap.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	messages, err := r.Messages(mcap.UsingIndex(false))
	if err != nil {
		t.Fatal(err)
	}
	var s []string
	for {
		_, ch, m, err := messages.NextInto(nil)
		if err != nil {
			return strings.Join(s, " ")
		}
		s = append(s, fmt.Sprint(ch.ID, "-", m.LogTime))
	}
}

func TestRewrite_TellsWhatItLeavesOut(t *testing.T) {
	in := saved(t, raw(schema(1, 'T'), schema(2, 'U'), channel(1, 1), recordOf(0x80, 1, 2), message(1, 1), recordOf(0xff), message(1, 2)))
	for _, from := range [][]Source{{{Path: in}}, {{Path: in}, {Path: in}}} {
		if res, _ := rewrite(t, nil, from...); res.LeftOut != uint64(3*len(from)) {
			t.Errorf("%d sources: %+v", len(from), res)
		}
	}
	if res, _ := rewrite(t, nil, Source{Path: foreign(t, chunked, spec{"a", 1, ""})}); res.LeftOut != 0 {
		t.Errorf("%+v", res)
	}
}

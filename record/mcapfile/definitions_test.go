package mcapfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
	"testing"

	"github.com/foxglove/mcap/go/mcap"
)

func schemaRecord(id uint16, name string) []byte {
	return record(mcap.OpSchema, appendText(appendText(appendText(binary.LittleEndian.AppendUint16(nil, id), name), ""), ""))
}

// topicsOf returns the messages as text: topic or type, and time.
func topicsOf(lines []line) string {
	var s []string
	for _, l := range lines {
		s = append(s, fmt.Sprint(l.Topic, l.SchemaName, l.LogTime))
	}
	return strings.Join(s, " ")
}

func TestReader_ContradictingDeclarations(t *testing.T) {
	join := slices.Concat[[]byte]
	m := func(at uint64) []byte { return messageRecord(1, at, nil) }
	chunk := func(records ...[]byte) []byte {
		b := join(records...)
		return chunkRecord("", uint64(len(b)), crc32.ChecksumIEEE(b), b)
	}
	typed := func() []byte {
		b := channelRecord(1, "")
		b[recordHead+2] = 1
		return b
	}()
	a, b := channelRecord(1, "a"), channelRecord(1, "b")
	for name, c := range map[string]struct{ data, summary, want string }{
		"outside of chunks":          {data: string(join(a, m(0), m(1), b, m(2), m(3))), want: "a0 a1"},
		"and in the summary":         {data: string(join(a, m(0), m(1), b, m(2), m(3))), summary: string(b), want: "a0 a1 b2 b3"},
		"damaged":                    {data: string(join(a, m(0), m(1), b, m(2), m(3))), summary: string(a), want: "a0 a1 a2 a3"},
		"in chunks":                  {data: string(join(chunk(a, m(0), m(1)), chunk(b, m(2)), chunk(m(3)))), want: "a0 a1 b2 b3"},
		"within a chunk, and back":   {data: string(chunk(a, m(0), b, m(1), a, m(2))), want: "a0 b1 a2"},
		"a schema and its channel":   {data: string(chunk(schemaRecord(1, "A"), typed, m(0), schemaRecord(1, "B"), typed, m(1))), want: "A0 B1"},
		"only a schema":              {data: string(chunk(schemaRecord(1, "A"), typed, m(0), schemaRecord(1, "B"), m(1))), want: "A0"},
		"a schema, in the summary":   {data: string(join(schemaRecord(1, "A"), typed, m(0), schemaRecord(1, "B"), m(1))), summary: string(join(schemaRecord(1, "A"), typed)), want: "A0 A1"},
		"declared again, without it": {data: string(join(a, m(0), a, m(1))), want: "a0 a1"},
	} {
		file := join(mcap.Magic, []byte(c.data), record(mcap.OpDataEnd, make([]byte, 4)))
		footer := make([]byte, 20)
		binary.LittleEndian.PutUint64(footer, uint64(len(file)))
		file = join(file, []byte(c.summary), record(mcap.OpFooter, footer), mcap.Magic)
		lines, errs := readAllOf(t, file, nil)
		if got := topicsOf(lines); got != c.want || (len(errs) > 0) != !strings.HasPrefix(name, "declared") {
			t.Errorf("%s: %s, want %s; %v", name, got, c.want, errs)
		}
		for _, limits := range []*Limits{nil, {block: 100}} {
			plan, err := NewPlan(bytes.NewReader(file), int64(len(file)), limits, nil)
			if err != nil {
				t.Fatal(err)
			}
			if got := topicsOf(planned(t, plan)); got != c.want {
				t.Errorf("%s: in order %s, want %s", name, got, c.want)
			}
		}
	}
}

// Declaring again takes memory of the limit.
func TestReader_ContradictionsWithoutEnd(t *testing.T) {
	var records []byte
	for i := range uint64(1000) {
		records = append(records, channelRecord(1, fmt.Sprint(i))...)
		records = append(records, messageRecord(1, i, nil)...)
	}
	file := slices.Concat(mcap.Magic, chunkRecord("", uint64(len(records)), crc32.ChecksumIEEE(records), records))
	lines, errs := readAllOf(t, file, &Limits{Memory: 1 << 20})
	i := slices.IndexFunc(errs, func(err error) bool { return errors.As(err, new(*MemoryLimitError)) })
	if len(lines) < 300 || i < 300 {
		t.Fatalf("%d messages, %d of %d errors before the limit", len(lines), i, len(errs))
	}
	for i, l := range lines[:300] {
		if l.Topic != fmt.Sprint(i) {
			t.Fatalf("message %d is on %s", i, l.Topic)
		}
	}
}

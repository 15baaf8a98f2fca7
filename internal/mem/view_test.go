package mem

import (
	"bytes"
	"testing"
)

func TestViewsStayInsideTheirSlice(t *testing.T) {
	b := Alloc(64)
	for _, tc := range []struct {
		name string
		view func()
	}{
		{"32-bit word across the end", func() { Uint32(b, 61) }},
		{"64-bit word across the end", func() { Uint64(b, 60) }},
		{"negative offset", func() { Uint64(b, -8) }},
		{"misaligned 64-bit word", func() { Uint64(b, 4) }},
		{"misaligned 32-bit word", func() { Uint32(b, 2) }},
		{"array across the end", func() { Uint64s(b, 8, 8) }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Fatal("the view was given out")
				}
			}()
			tc.view()
		})
	}
}

func TestBytesAreStoredInPlace(t *testing.T) {
	for n := range 40 {
		b, src := Alloc(48), Alloc(n)
		for i := range src {
			src[i] = byte(i + 1)
		}
		StoreBytes(b, src)
		if !bytes.Equal(b[:n], src) || !bytes.Equal(b[(n+7)&^7:], make([]byte, 48-(n+7)&^7)) {
			t.Fatalf("%d bytes were stored as %v", n, b)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("bytes were stored behind the end")
		}
	}()
	StoreBytes(Alloc(16)[:12:12], make([]byte, 9))
}

func TestASpanIsTheSlice(t *testing.T) {
	b := []byte("12345")
	words := []uint64{1, 2}
	switch {
	case string(SpanOf(b[1:3]).Bytes()) != "23" || SpanOf(b).Len() != 5:
		t.Error("not the bytes of the slice")
	case cap(SpanOf(b[:2]).Bytes()) != 2:
		t.Error("it can grow")
	case (Span{}).Bytes() != nil || SpanOf(b[5:]).Bytes() == nil:
		t.Error("nil and empty are mixed up")
	case len(SpanOfWords(words, 13).Bytes()) != 13 || SpanOfWords(nil, 0).Len() != 0:
		t.Error("not the bytes of the words")
	}
	defer func() {
		if recover() == nil {
			t.Error("more bytes than there are words")
		}
	}()
	SpanOfWords(words, 17)
}

func TestViewsSeeTheSameBytes(t *testing.T) {
	b := Alloc(64)
	Uint64(b, 8).Store(0x0102030405060708)
	if got := Uint64s(b, 0, 8)[1].Load(); got != 0x0102030405060708 {
		t.Fatalf("array view reads %#x", got)
	}
	Add64(Uint64(b, 8), 1)
	Set64(Uint64(b, 16), 7)
	if Uint64(b, 8).Load() != 0x0102030405060709 || Uint64(b, 16).Load() != 7 {
		t.Fatal("figures were not written")
	}
}

func TestPlain_Views(t *testing.T) {
	type pair struct {
		A uint32
		B uint64
	}
	p, err := PlainOf[pair]()
	if err != nil {
		t.Fatal(err)
	}
	b := Alloc(64)
	v, all := p.At(b), p.Slice(b, 3)
	v.B, all[2].A = 1, 2
	if string(p.Bytes(v)) != string(b[:len(p.Bytes(v))]) || string(p.SliceBytes(all)) != string(b[:3*len(p.Bytes(v))]) || all[0].B != 1 {
		t.Errorf("the views do not see the bytes: %x", b)
	}
	n := len(p.Bytes(v))
	if p.Is(b[:n]) != v || p.Is(b) != nil || p.Is(b[:n-1]) != nil || p.Is(b[1:][:n]) != nil || (Plain[pair]{}).Is(b[:n]) != nil {
		t.Error("Is")
	}
	if p.Slice(b[1:1], 0) != nil || !p.Aligned(b) || p.Aligned(b[1:]) {
		t.Error("alignment")
	}
	for name, view := range map[string]func(){
		"too short": func() { p.At(b[:8]) }, "misaligned": func() { p.At(b[1:]) }, "misaligned values": func() { p.Slice(b[1:], 1) },
		"too many": func() { p.Slice(b, 6) }, "negative": func() { p.Slice(b, -1) }, "unchecked": func() { Plain[string]{}.At(b) },
		"bytes of an unchecked type": func() { Plain[string]{}.Bytes(new(string)) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("the view was given out")
				}
			}()
			view()
		})
	}
	_, named := PlainOf[struct{ A [2]struct{ B string } }]()
	_, slice := PlainOf[[]byte]()
	_, pointer := PlainOf[struct{ A *pair }]()
	if named == nil || slice == nil || pointer == nil {
		t.Error("a type with pointers was accepted")
	}
}

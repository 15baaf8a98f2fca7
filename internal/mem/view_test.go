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

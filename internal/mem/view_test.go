package mem

import "testing"

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

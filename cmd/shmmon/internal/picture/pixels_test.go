package picture

import (
	"image/color"
	"strings"
	"testing"

	"github.com/shmbus/shmbus/messages"
)

// of makes a picture of a raw image.
func of(t *testing.T, m messages.Image) (*Picture, error) {
	t.Helper()
	kind, payload := encode(t, messages.CDR[messages.Image](), m)
	return Of(kind, payload, 80, 40)
}

// Numbers are gray between the least and the greatest, and black where nothing was measured.
func TestPixels_Numbers(t *testing.T) {
	little := []byte{0, 0, 0xe8, 3, 0xd0, 7, 0xff, 0xff, 0xb8, 0xb} // 0, 1000, 2000, padding, 3000 below
	floats := []byte{0, 0, 0xc0, 0x7f, 0, 0, 0x80, 0x3f, 0, 0, 0, 0x40, 0, 0, 0x80, 0x7f, 0, 0, 0x80, 0xbf, 0, 0, 0x40, 0x40}
	for name, c := range map[string]struct {
		m     messages.Image
		want  []uint8
		about string
	}{
		"mono16":     {messages.Image{Width: 3, Height: 1, Step: 6, Encoding: "mono16", Data: little[:6]}, []uint8{0, 40, 255}, "mono16, 1000 to 2000"},
		"rows":       {messages.Image{Width: 1, Height: 2, Step: 8, Encoding: "16UC1", Data: little}, []uint8{0, 255}, "16UC1, 3000 to 3000"},
		"big-endian": {messages.Image{Width: 3, Height: 1, Step: 6, IsBigEndian: 1, Encoding: "16UC1", Data: []byte{3, 0xe8, 0x5, 0xdc, 7, 0xd0}}, []uint8{40, 147, 255}, "16UC1, 1000 to 2000"},
		"nothing":    {messages.Image{Width: 2, Height: 1, Step: 4, Encoding: "16UC1", Data: make([]byte, 4)}, []uint8{0, 0}, "16UC1"},
		"32FC1": {messages.Image{Width: 6, Height: 1, Step: 24, Encoding: "32FC1", Data: floats}, // NaN, 1, 2, infinite, -1, 3
			[]uint8{0, 40, 147, 0, 0, 255}, "32FC1, 1 to 3"},
	} {
		p, err := of(t, c.m)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if p.Encoding != c.about {
			t.Errorf("%s is %q", name, p.Encoding)
		}
		for i, want := range c.want {
			x, y := i, 0
			if c.m.Width == 1 {
				x, y = 0, i
			}
			if got := p.Small.RGBAAt(x, y); got != (color.RGBA{want, want, want, 255}) {
				t.Errorf("%s: pixel %d is %v, not %d", name, i, got, want)
			}
		}
	}
}

// Each Bayer pattern has the colour that it was made of, also at odd edges.
func TestPixels_BayerPatterns(t *testing.T) {
	colors := map[byte]uint8{'r': 200, 'g': 100, 'b': 50}
	for _, pattern := range []string{"rggb", "bggr", "gbrg", "grbg"} {
		for depth, size := range map[string]int{"8": 1, "16": 2} {
			const width, height = 5, 3
			m := messages.Image{Width: width, Height: height, Step: uint32(width*size + 1), Encoding: "bayer_" + pattern + depth}
			m.Data = make([]byte, int(m.Step)*height)
			for y := range height {
				for x := range width {
					m.Data[y*int(m.Step)+x*size+size-1] = colors[pattern[y%2*2+x%2]] // the high byte
				}
			}
			p, err := of(t, m)
			if err != nil {
				t.Errorf("%s: %v", m.Encoding, err)
				continue
			}
			for y := range height {
				for x := range width {
					if got := p.Small.RGBAAt(x, y); got != (color.RGBA{200, 100, 50, 255}) {
						t.Errorf("%s: %d, %d is %v", m.Encoding, x, y, got)
					}
				}
			}
		}
	}
}

func TestPixels_FourColours(t *testing.T) {
	for encoding, want := range map[string]color.RGBA{"rgba8": {1, 2, 3, 255}, "bgra8": {3, 2, 1, 255}} {
		p, err := of(t, messages.Image{Width: 1, Height: 1, Step: 4, Encoding: encoding, Data: []byte{1, 2, 3, 0}})
		if err != nil || p.Small.RGBAAt(0, 0) != want {
			t.Errorf("%s: %v, %v", encoding, p, err)
		}
	}
}

// Sizes that do not fit the data are refused, whatever they say.
func TestPixels_TooShort(t *testing.T) {
	for _, encoding := range []string{"mono16", "16UC1", "32FC1", "rgba8", "bayer_rggb8", "bayer_grbg16"} {
		for name, m := range map[string]messages.Image{
			"no data":     {Width: 2, Height: 2, Step: 8},
			"short rows":  {Width: 8, Height: 2, Step: 7, Data: make([]byte, 1000)},
			"a huge step": {Width: 2, Height: 2, Step: 1<<32 - 1, Data: make([]byte, 1000)},
			"a step whose multiple overflows 32 bits": {Width: 2, Height: 3, Step: 1<<31 - 1, Data: make([]byte, 1000)},
			"a byte less": {Width: 2, Height: 2, Step: 8, Data: make([]byte, 9)},
		} {
			m.Encoding = encoding
			if p, err := of(t, m); err == nil || !strings.Contains(err.Error(), "too short") {
				t.Errorf("%s with %s: %v, %v", encoding, name, p, err)
			}
		}
	}
	for _, m := range []messages.Image{{Width: 1, Height: 9}, {Width: 9, Height: 1}} {
		m.Encoding, m.Step, m.Data = "bayer_rggb8", 9, make([]byte, 100)
		if p, err := of(t, m); err == nil || !strings.Contains(err.Error(), "fewer than a Bayer pattern") {
			t.Errorf("%v, %v", p, err)
		}
	}
	if _, err := of(t, messages.Image{Width: 2, Height: 2, Step: 4, Encoding: "bayer_xyzw8", Data: make([]byte, 8)}); err == nil {
		t.Error("a pattern that is none")
	}
}

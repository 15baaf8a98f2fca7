package picture

import (
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	"math"
	"strings"

	"github.com/shmbus/shmbus/messages"
)

// pixels is a raw image of an encoding that messages.Image does not show itself. A colour is computed when it is looked at, because few are.
type pixels struct {
	*messages.Image
	order   binary.ByteOrder
	size    int // bytes of a pixel
	color   func(p *pixels, x, y int) color.Color
	bayer   string  // the colours of each square of four pixels, such as "rggb"
	lo, hi  float64 // of the numbers that count, if pixels are numbers
	numeric bool
}

func (p *pixels) ColorModel() color.Model { return color.RGBAModel }
func (p *pixels) Bounds() image.Rectangle { return image.Rect(0, 0, int(p.Width), int(p.Height)) }
func (p *pixels) At(x, y int) color.Color { return p.color(p, x, y) }

// pixelsOf returns an image of an encoding with 16 bits or floats, four colours or a Bayer pattern; nil for other encodings.
func pixelsOf(m *messages.Image) (*pixels, error) {
	p := &pixels{Image: m, order: binary.LittleEndian}
	if m.IsBigEndian != 0 {
		p.order = binary.BigEndian
	}
	pattern, bayer := strings.CutPrefix(m.Encoding, "bayer_")
	switch {
	case m.Encoding == "mono16" || m.Encoding == "16UC1":
		p.size, p.color, p.numeric = 2, (*pixels).gray, true
	case m.Encoding == "32FC1":
		p.size, p.color, p.numeric = 4, (*pixels).gray, true
	case m.Encoding == "rgba8" || m.Encoding == "bgra8":
		p.size, p.color = 4, (*pixels).four
	case bayer && isBayer(pattern):
		p.bayer, p.size, p.color = pattern[:4], 1, (*pixels).square
		if pattern[4:] == "16" {
			p.size = 2
		}
	default:
		return nil, nil
	}
	row := uint64(p.size) * uint64(m.Width)
	switch {
	case p.bayer != "" && (m.Width < 2 || m.Height < 2):
		return nil, fmt.Errorf("it has %d x %d pixels, fewer than a Bayer pattern", m.Width, m.Height)
	case uint64(m.Step) < row || uint64(len(m.Data)) < uint64(m.Height-1)*uint64(m.Step)+row:
		return nil, fmt.Errorf("show an image of %d x %d pixels: %d bytes in rows of %d are too short", m.Width, m.Height, len(m.Data), m.Step)
	}
	if p.numeric {
		p.measure()
	}
	return p, nil
}

func isBayer(pattern string) bool {
	switch pattern {
	case "rggb8", "bggr8", "gbrg8", "grbg8", "rggb16", "bggr16", "gbrg16", "grbg16":
		return true
	}
	return false
}

func (p *pixels) bytes(x, y int) []byte { return p.Data[y*int(p.Step)+x*p.size:] }

// value is the number of a pixel; 0: none was measured.
func (p *pixels) value(x, y int) float64 {
	if p.size == 2 {
		return float64(p.order.Uint16(p.bytes(x, y)))
	}
	v := float64(math.Float32frombits(p.order.Uint32(p.bytes(x, y))))
	if !(v > 0) || math.IsInf(v, 1) {
		return 0
	}
	return v
}

// measure finds the range of the numbers.
func (p *pixels) measure() {
	p.lo = math.Inf(1)
	for y := range int(p.Height) {
		for x := range int(p.Width) {
			if v := p.value(x, y); v > 0 {
				p.lo, p.hi = min(p.lo, v), max(p.hi, v)
			}
		}
	}
}

// gray is a number between the least and the greatest of the image: distances in millimetres use a small part of 16 bits. Pixels without a
// number are black.
func (p *pixels) gray(x, y int) color.Color {
	const darkest = 40
	v := p.value(x, y)
	switch {
	case v == 0:
		return color.Gray{}
	case p.hi == p.lo:
		return color.Gray{Y: 255}
	}
	return color.Gray{Y: uint8(darkest + (255-darkest)*(v-p.lo)/(p.hi-p.lo))}
}

// four is a pixel of red, green, blue and its opacity, which does not count.
func (p *pixels) four(x, y int) color.Color {
	b := p.bytes(x, y)
	if p.Encoding == "bgra8" {
		return color.RGBA{b[2], b[1], b[0], 255}
	}
	return color.RGBA{b[0], b[1], b[2], 255}
}

// square is the colour of the square of four pixels that one is in.
func (p *pixels) square(x, y int) color.Color {
	x, y = min(x, int(p.Width)-2)&^1, min(y, int(p.Height)-2)&^1
	var sum [3]int
	for i, name := range []byte(p.bayer) {
		b := p.bytes(x+i%2, y+i/2)
		v := int(b[0])
		if p.size == 2 {
			v = int(p.order.Uint16(b) >> 8)
		}
		sum[strings.IndexByte("rgb", name)] += v
	}
	return color.RGBA{uint8(sum[0]), uint8(sum[1] / 2), uint8(sum[2]), 255}
}

// about is the encoding, and the range of the numbers.
func (p *pixels) about() string {
	if p.numeric && p.hi > 0 {
		return fmt.Sprintf("%s, %.4g to %.4g", p.Encoding, p.lo, p.hi)
	}
	return p.Encoding
}

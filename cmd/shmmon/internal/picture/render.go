package picture

import (
	"encoding/base64"
	"fmt"
	"image"
	"image/color"
	"strings"
)

func fromBase64(s string) ([]byte, error) {
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return nil, fmt.Errorf("read its data: %w", err)
	}
	return b, nil
}

// samples is how many pixels in a row and in a column are averaged for one of the small image.
const samples = 3

// scale makes an image fit into width x height pixels, and keeps its proportions. It does not enlarge it.
func scale(from image.Image, width, height int) *image.RGBA {
	b := from.Bounds()
	part := min(1, float64(width)/float64(b.Dx()), float64(height)/float64(b.Dy()))
	to := image.NewRGBA(image.Rect(0, 0, max(1, int(part*float64(b.Dx()))), max(1, int(part*float64(b.Dy())))))
	w, h := to.Rect.Dx(), to.Rect.Dy()
	for y := range h {
		for x := range w {
			var sum [3]uint32
			for i := range samples * samples {
				// The middles of the parts of the pixel.
				sx := b.Min.X + (2*samples*x+2*(i%samples)+1)*b.Dx()/(2*samples*w)
				sy := b.Min.Y + (2*samples*y+2*(i/samples)+1)*b.Dy()/(2*samples*h)
				r, g, bl, _ := from.At(sx, sy).RGBA()
				sum[0], sum[1], sum[2] = sum[0]+r>>8, sum[1]+g>>8, sum[2]+bl>>8
			}
			const n = samples * samples
			to.SetRGBA(x, y, color.RGBA{uint8(sum[0] / n), uint8(sum[1] / n), uint8(sum[2] / n), 255})
		}
	}
	return to
}

// HalfBlocks writes two pixels in each cell: the upper one is the colour of the character, the lower one that of the background. The
// colours are true ones; whatever writes the screen turns them into those that the terminal has.
func HalfBlocks(m *image.RGBA) []string {
	b := m.Bounds()
	lines := make([]string, 0, (b.Dy()+1)/2)
	for y := 0; y < b.Dy(); y += 2 {
		var line strings.Builder
		var was [2]color.RGBA
		for x := range b.Dx() {
			now := [2]color.RGBA{m.RGBAAt(x, y), {A: 255}}
			if y+1 < b.Dy() {
				now[1] = m.RGBAAt(x, y+1)
			}
			if x == 0 || now != was {
				fmt.Fprintf(&line, "\x1b[38;2;%d;%d;%d;48;2;%d;%d;%dm", now[0].R, now[0].G, now[0].B, now[1].R, now[1].G, now[1].B)
				was = now
			}
			line.WriteString("▀")
		}
		lines = append(lines, line.String()+"\x1b[0m")
	}
	return lines
}

// ramp are characters from dark to light, on a dark background.
const ramp = " .:-=+*#%@"

// Characters writes two pixels, one above the other, as one character of their brightness, for terminals with few colours or none.
func Characters(m *image.RGBA) []string {
	b := m.Bounds()
	lines := make([]string, 0, (b.Dy()+1)/2)
	for y := 0; y < b.Dy(); y += 2 {
		var line strings.Builder
		for x := range b.Dx() {
			light := color.GrayModel.Convert(m.RGBAAt(x, y)).(color.Gray).Y
			if y+1 < b.Dy() {
				light = uint8((int(light) + int(color.GrayModel.Convert(m.RGBAAt(x, y+1)).(color.Gray).Y)) / 2)
			}
			line.WriteByte(ramp[int(light)*len(ramp)/256])
		}
		lines = append(lines, line.String())
	}
	return lines
}

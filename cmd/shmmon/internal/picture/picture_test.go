package picture

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"

	"github.com/shmbus/shmbus/messages"
	"github.com/shmbus/shmbus/messages/foxglove"
	"github.com/shmbus/shmbus/serde"
)

// halves is an image whose left half is red and whose right half is blue.
func halves(width, height int) *image.RGBA {
	m := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			c := color.RGBA{255, 0, 0, 255}
			if x >= width/2 {
				c = color.RGBA{0, 0, 255, 255}
			}
			m.SetRGBA(x, y, c)
		}
	}
	return m
}

func encode[T any](t *testing.T, c serde.Codec[T], v T) (serde.Type, []byte) {
	t.Helper()
	b, err := c.Encoder().Append(nil, v)
	if err != nil {
		t.Fatal(err)
	}
	return c.Type(), b
}

func file(t *testing.T, m image.Image, format string) []byte {
	t.Helper()
	var b bytes.Buffer
	var err error
	if format == "png" {
		err = png.Encode(&b, m)
	} else {
		err = jpeg.Encode(&b, m, &jpeg.Options{Quality: 100})
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Images of every encoding and type have the colours that they were made of, and keep their proportions.
func TestOf_EveryTypeOfImage(t *testing.T) {
	raw := messages.ImageOf(messages.Header{}, halves(640, 480))
	type made struct {
		kind    serde.Type
		payload []byte
	}
	all := map[string]made{}
	add := func(name string) func(serde.Type, []byte) {
		return func(kind serde.Type, payload []byte) { all[name] = made{kind, payload} }
	}
	add("ROS 2")(encode(t, messages.CDR[messages.Image](), raw))
	add("foxglove.RawImage")(encode(t, foxglove.Protobuf[messages.Image](), raw))
	add("foxglove.RawImage, JSON")(encode(t, foxglove.JSON[messages.Image](), raw))
	for _, format := range []string{"png", "jpeg"} {
		m := messages.CompressedImage{Format: format, Data: file(t, halves(640, 480), format)}
		add("ROS 2, " + format)(encode(t, messages.CDR[messages.CompressedImage](), m))
		add("protobuf, " + format)(encode(t, foxglove.Protobuf[messages.CompressedImage](), m))
		m.Format = "webp" // it lies
		add("JSON, " + format)(encode(t, foxglove.JSON[messages.CompressedImage](), m))
	}
	for name, m := range all {
		p, err := Of(m.kind, m.payload, 100, 60)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		left, right := p.Small.RGBAAt(10, 30), p.Small.RGBAAt(70, 30)
		if p.Width != 640 || p.Height != 480 || p.Small.Rect != image.Rect(0, 0, 80, 60) || left.R < 250 || left.B > 5 || right.B < 250 || right.R > 5 {
			t.Errorf("%s: %d x %d, %v, %v, %v", name, p.Width, p.Height, p.Small.Rect, left, right)
		}
	}
}

// pngOf is a PNG that says it has so many pixels, and has none.
func pngOf(width, height uint32) []byte {
	head := binary.BigEndian.AppendUint32([]byte("IHDR"), width)
	head = append(binary.BigEndian.AppendUint32(head, height), 8, 6, 0, 0, 0)
	b := append([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\x0d"), head...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(head))
}

// What is no image, or one of a size that would take all memory, is refused before there are pixels.
func TestOf_HostileImages(t *testing.T) {
	raw := func(width, height, step int, data string) string {
		return fmt.Sprintf(`{"width":%d,"height":%d,"step":%d,"encoding":"rgb8","data":%q}`, width, height, step, data)
	}
	file := serde.Type{Name: "foxglove.CompressedImage", Encoding: "json"}
	plain := serde.Type{Name: "foxglove.RawImage", Encoding: "json"}
	large, err := fileJSON(pngOf(100_000, 100_000))
	if err != nil {
		t.Fatal(err)
	}
	empty, err := fileJSON(pngOf(3000, 3000))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		kind    serde.Type
		payload string
		want    string
	}{
		"another type":    {serde.Type{Name: "x.Image", Encoding: "json"}, "{}", "none of images"},
		"no fields":       {plain, "[1]", "no fields"},
		"no pixels":       {plain, raw(0, 5, 0, ""), "0 x 5 pixels"},
		"a negative size": {plain, raw(-1, 5, 0, ""), "0 x 5 pixels"},
		"too many":        {plain, raw(1<<14, 1<<14, 3<<14, ""), "the limit is"},
		"too wide":        {plain, raw(2_000_000_000, 1, 1, ""), "the limit is"},
		"too few bytes":   {plain, raw(100, 100, 300, "AAAA"), "too short"},
		"no base64":       {plain, raw(1, 1, 3, "!"), "read its data"},
		"no bytes":        {plain, `{"width":1,"height":1,"data":7}`, "no field data"},
		"no file":         {file, `{"format":"webp","data":"AAAA"}`, `but "webp"`},
		"a cut JPEG":      {file, `{"data":"/9g="}`, "size of the jpeg"},
		"a huge PNG":      {file, large, "the limit is"},
		"an empty PNG":    {file, empty, "decode the png"},
		"too many bytes":  {file, strings.Repeat(" ", maxPayload+1), "more than"},
	} {
		p, err := Of(c.kind, []byte(c.payload), 80, 40)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, %v", name, p, err)
		}
	}
}

func fileJSON(b []byte) (string, error) {
	js, err := foxglove.JSON[messages.CompressedImage]().Encoder().Append(nil, messages.CompressedImage{Data: b})
	return string(js), err
}

func TestHalfBlocks_TwoPixelsInACell(t *testing.T) {
	m := image.NewRGBA(image.Rect(0, 0, 3, 3))
	for i, c := range []color.RGBA{{1, 2, 3, 255}, {1, 2, 3, 255}, {9, 9, 9, 255}, {4, 5, 6, 255}, {4, 5, 6, 255}, {9, 9, 9, 255}, {7, 7, 7, 255}, {7, 7, 7, 255}, {7, 7, 7, 255}} {
		m.SetRGBA(i%3, i/3, c)
	}
	want := []string{"\x1b[38;2;1;2;3;48;2;4;5;6m▀▀\x1b[38;2;9;9;9;48;2;9;9;9m▀\x1b[0m", "\x1b[38;2;7;7;7;48;2;0;0;0m▀▀▀\x1b[0m"}
	if diff := cmp.Diff(want, HalfBlocks(m)); diff != "" {
		t.Error(diff)
	}
	for _, l := range HalfBlocks(scale(halves(1000, 10), 60, 20)) {
		if ansi.StringWidth(l) != 60 {
			t.Errorf("%d cells", ansi.StringWidth(l))
		}
	}
}

func TestCharacters_Brightness(t *testing.T) {
	m := image.NewRGBA(image.Rect(0, 0, 3, 2))
	for x, v := range []uint8{0, 128, 255} {
		m.SetRGBA(x, 0, color.RGBA{v, v, v, 255})
		m.SetRGBA(x, 1, color.RGBA{v, v, v, 255})
	}
	if got := Characters(m); len(got) != 1 || got[0] != " +@" {
		t.Errorf("%q", got)
	}
}

// An image is not enlarged, and one that is thin keeps a pixel.
func TestScale_Sizes(t *testing.T) {
	for _, c := range [][4]int{{10, 10, 10, 10}, {1000, 1, 100, 1}, {1, 1000, 1, 60}, {200, 120, 100, 60}} {
		if got := scale(halves(c[0], c[1]), 100, 60).Rect.Size(); got != image.Pt(c[2], c[3]) {
			t.Errorf("%d x %d becomes %v", c[0], c[1], got)
		}
	}
}

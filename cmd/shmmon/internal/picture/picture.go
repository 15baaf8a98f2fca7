// Package picture makes small pictures of messages that are images, and writes them as characters of a terminal.
//
// Payloads come from other processes: sizes are checked before memory is reserved for pixels.
package picture

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
	"math"
	"strings"

	"github.com/shmbus/shmbus/messages"
	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/serde/dynamic"
)

// Limits of images.
const (
	maxPayload = 32 << 20
	maxPixels  = 9 << 20 // 3840 x 2160 and a little more
	maxSide    = 1 << 14
)

// A Picture is a message as a small image.
type Picture struct {
	Small         *image.RGBA // no larger than it was asked for
	Width, Height int         // of the image itself
	Encoding      string      // of its pixels or file, and the range of numbers; from another process
}

// Fit returns the picture in at most width x height pixels.
func (p *Picture) Fit(width, height int) *image.RGBA {
	if b := p.Small.Bounds(); b.Dx() <= width && b.Dy() <= height {
		return p.Small
	}
	return scale(p.Small, max(1, width), max(1, height))
}

// Is reports whether a type is one of images.
func Is(t serde.Type) bool { return isRaw(t) || isFile(t) }

func isRaw(t serde.Type) bool {
	return t.Name == "sensor_msgs/msg/Image" || t.Name == "sensor_msgs/Image" || t.Name == "foxglove.RawImage"
}

func isFile(t serde.Type) bool {
	return t.Name == "sensor_msgs/msg/CompressedImage" || t.Name == "sensor_msgs/CompressedImage" || t.Name == "foxglove.CompressedImage"
}

// Of makes a picture of at most width x height pixels of a message. The error says why that cannot be done.
func Of(t serde.Type, payload []byte, width, height int) (*Picture, error) {
	if !Is(t) {
		return nil, errors.New("its type is none of images")
	}
	if len(payload) > maxPayload {
		return nil, fmt.Errorf("it has %d bytes, more than %d", len(payload), maxPayload)
	}
	v, err := dynamic.ToValue(t, payload)
	if err != nil {
		return nil, err
	}
	fields, ok := v.(map[string]any)
	if !ok {
		return nil, errors.New("it has no fields")
	}
	var full image.Image
	encoding := ""
	if isRaw(t) {
		full, encoding, err = rawImage(fields)
	} else {
		full, encoding, err = fileImage(fields)
	}
	if err != nil {
		return nil, err
	}
	b := full.Bounds()
	return &Picture{scale(full, width, height), b.Dx(), b.Dy(), encoding}, nil
}

func rawImage(fields map[string]any) (image.Image, string, error) {
	m := messages.Image{Width: number(fields["width"]), Height: number(fields["height"]), Step: number(fields["step"]), Encoding: text(fields["encoding"])}
	if err := checkSize(int(m.Width), int(m.Height)); err != nil {
		return nil, "", err
	}
	var err error
	if m.Data, err = data(fields["data"]); err != nil {
		return nil, "", err
	}
	if m.Encoding == "8UC1" { // as mono8
		m.Encoding = messages.Mono8
	}
	if number(fields["is_bigendian"]) != 0 {
		m.IsBigEndian = 1
	}
	if p, err := pixelsOf(&m); err != nil {
		return nil, "", err
	} else if p != nil {
		return p, p.about(), nil
	}
	full, err := m.Image()
	return full, m.Encoding, err
}

// fileImage decodes a JPEG or PNG file, by its first bytes and not by what the message calls it.
func fileImage(fields map[string]any) (image.Image, string, error) {
	file, err := data(fields["data"])
	if err != nil {
		return nil, "", err
	}
	name, config, decode := "jpeg", jpeg.DecodeConfig, jpeg.Decode
	switch {
	case bytes.HasPrefix(file, []byte("\x89PNG")):
		name, config, decode = "png", png.DecodeConfig, png.Decode
	case !bytes.HasPrefix(file, []byte("\xff\xd8")):
		return nil, "", fmt.Errorf("it is neither JPEG nor PNG, but %.40q", text(fields["format"]))
	}
	c, err := config(bytes.NewReader(file))
	if err != nil {
		return nil, "", fmt.Errorf("read the size of the %s: %w", name, err)
	}
	if err := checkSize(c.Width, c.Height); err != nil {
		return nil, "", err
	}
	full, err := decode(bytes.NewReader(file))
	if err != nil {
		return nil, "", fmt.Errorf("decode the %s: %w", name, err)
	}
	return full, name, nil
}

func checkSize(width, height int) error {
	switch {
	case width <= 0 || height <= 0:
		return fmt.Errorf("it has %d x %d pixels", width, height)
	case width > maxSide || height > maxSide || width*height > maxPixels:
		return fmt.Errorf("it has %d x %d pixels; the limit is %d on a side and %d in all", width, height, maxSide, maxPixels)
	}
	return nil
}

// number reads a size. What is none is 0, which no image has.
func number(v any) uint32 {
	switch v := v.(type) {
	case int64:
		if v >= 0 && v <= math.MaxUint32 {
			return uint32(v)
		}
	case uint64:
		if v <= math.MaxUint32 {
			return uint32(v)
		}
	case float64:
		if v >= 0 && v <= math.MaxUint32 {
			return uint32(v)
		}
	}
	return 0
}

func text(v any) string {
	s, _ := v.(string)
	return strings.Clone(s[:min(len(s), 100)])
}

// data reads bytes, which JSON has in base64.
func data(v any) ([]byte, error) {
	switch v := v.(type) {
	case []byte:
		return v, nil
	case string:
		return fromBase64(v)
	}
	return nil, errors.New("it has no field data of bytes")
}

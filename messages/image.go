package messages

import (
	"fmt"
	"image"
	"image/draw"
)

// An Image is an image whose pixels are not compressed (sensor_msgs/msg/Image, foxglove.RawImage). [ImageOf] makes one.
type Image struct {
	Header      Header // the frame is that of the camera
	Height      uint32 // rows
	Width       uint32 // pixels in a row
	Encoding    string // such as "mono8", "rgb8", "bgr8", "rgba8", "mono16", "32FC1", "bayer_rggb8", "yuyv"
	IsBigEndian uint8  // 1 if numbers of more than one byte are big-endian
	Step        uint32 // bytes from one row to the next
	Data        []byte // Height * Step bytes, row by row from the top
}

// A CompressedImage is a file of an image (sensor_msgs/msg/CompressedImage, foxglove.CompressedImage).
type CompressedImage struct {
	Header Header // the frame is that of the camera
	Format string // "jpeg" or "png"; viewers may know others, such as "webp"
	Data   []byte
}

// Encodings of images that ImageOf makes and Image.Image shows.
const (
	Mono8 = "mono8"
	RGB8  = "rgb8"
	BGR8  = "bgr8"
)

// ImageOf returns an image.Gray as an image of encoding mono8, and all others as rgb8, on black where they are transparent.
// Pixels are copied.
func ImageOf(h Header, src image.Image) Image {
	b := src.Bounds()
	m := Image{Header: h, Width: uint32(b.Dx()), Height: uint32(b.Dy()), Encoding: RGB8, Step: uint32(3 * b.Dx())}
	if gray, ok := src.(*image.Gray); ok {
		m.Encoding, m.Step = Mono8, m.Width
		for y := b.Min.Y; y < b.Max.Y; y++ {
			at := gray.PixOffset(b.Min.X, y)
			m.Data = append(m.Data, gray.Pix[at:at+b.Dx()]...)
		}
		return m
	}
	rgba := image.NewRGBA(image.Rect(0, 0, b.Dx(), b.Dy()))
	draw.Draw(rgba, rgba.Rect, src, b.Min, draw.Src)
	m.Data = make([]byte, 0, 3*b.Dx()*b.Dy())
	for p := rgba.Pix; len(p) > 0; p = p[4:] {
		m.Data = append(m.Data, p[0], p[1], p[2])
	}
	return m
}

// Image returns the pixels as an *image.Gray (mono8), which shares the data of m, or as an *image.NRGBA (rgb8, bgr8), which does not. Other
// encodings, and data that is too short for the size of the image, are errors.
func (m *Image) Image() (image.Image, error) {
	bounds := image.Rect(0, 0, int(m.Width), int(m.Height))
	size := map[string]uint64{Mono8: 1, RGB8: 3, BGR8: 3}[m.Encoding]
	switch row := size * uint64(m.Width); {
	case size == 0:
		return nil, fmt.Errorf("show an image of encoding %q: only %s, %s and %s can be shown", m.Encoding, Mono8, RGB8, BGR8)
	case uint64(m.Step) < row || m.Height > 0 && uint64(len(m.Data)) < uint64(m.Height-1)*uint64(m.Step)+row:
		return nil, fmt.Errorf("show an image of %d x %d pixels: %d bytes in rows of %d are too short", m.Width, m.Height, len(m.Data), m.Step)
	case size == 1:
		return &image.Gray{Pix: m.Data, Stride: int(m.Step), Rect: bounds}, nil
	case row == 0 || m.Height == 0:
		return &image.NRGBA{Rect: bounds}, nil
	}
	to := image.NewNRGBA(bounds)
	first, last := 0, 2
	if m.Encoding == BGR8 {
		first, last = last, first
	}
	for y := range int(m.Height) {
		pix, row := to.Pix[y*to.Stride:], m.Data[y*int(m.Step):]
		for x := range int(m.Width) {
			p, q := pix[4*x:4*x+4], row[3*x:3*x+3]
			p[0], p[1], p[2], p[3] = q[first], q[1], q[last], 255
		}
	}
	return to, nil
}

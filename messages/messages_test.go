package messages_test

import (
	"bytes"
	"image"
	"image/color"
	"math"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/shmbus/shmbus/messages"
)

func TestTime_Conversion(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	late := time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct{ given, want time.Time }{
		{at, at}, {at.Local(), at}, {time.Time{}, time.Time{}}, {time.Unix(-1, 5), time.Unix(-1, 5).UTC()},
		{late, time.Unix(math.MaxInt32, 999999999).UTC()}, {time.Unix(-1<<40, 1), time.Unix(math.MinInt32, 0).UTC()},
	} {
		if got := messages.TimeOf(c.given).Time(); got != c.want {
			t.Errorf("%v: %v, want %v", c.given, got, c.want)
		}
	}
	const farthest = math.MaxInt32*time.Second + 999999999
	for given, want := range map[time.Duration]time.Duration{
		0: 0, -1500 * time.Millisecond: -1500 * time.Millisecond, 5: 5, math.MaxInt64: farthest, math.MinInt64: math.MinInt32 * time.Second,
	} {
		if got := messages.DurationOf(given).Duration(); got != want {
			t.Errorf("%v: %v, want %v", given, got, want)
		}
	}
	if d := messages.DurationOf(-500 * time.Millisecond); d != (messages.Duration{Sec: -1, Nanosec: 5e8}) {
		t.Error(d)
	}
}

func TestImage_Conversion(t *testing.T) {
	bounds := image.Rect(-1, 2, 4, 5)
	gray, colored := image.NewGray(bounds), image.NewNRGBA(bounds)
	for i := range gray.Pix {
		gray.Pix[i] = byte(i * 9)
	}
	for i := range colored.Pix {
		colored.Pix[i] = byte(i*5) | 255*byte(i/3%2) // opaque
		if i%4 == 3 {
			colored.Pix[i] = 255
		}
	}
	part := gray.SubImage(image.Rect(0, 3, 2, 5))
	h := messages.Header{FrameID: "camera"}
	for _, c := range []struct {
		img      image.Image
		encoding string
	}{{gray, messages.Mono8}, {part, messages.Mono8}, {colored, messages.RGB8}} {
		m := messages.ImageOf(h, c.img)
		if m.Encoding != c.encoding || m.Header != h || len(m.Data) != int(m.Step*m.Height) {
			t.Fatalf("%+v", m)
		}
		back, err := m.Image()
		if err != nil {
			t.Fatal(err)
		}
		checkPixels(t, c.img, back)
		if c.encoding == messages.RGB8 {
			for i := 0; i < len(m.Data); i += 3 {
				m.Data[i], m.Data[i+2] = m.Data[i+2], m.Data[i]
			}
			m.Encoding = messages.BGR8
			m.Data = append(bytes.Join([][]byte{m.Data[:15], m.Data[15:30], m.Data[30:]}, []byte{1, 2}), 3)[:2*17+15] // with bytes between rows
			m.Step += 2
			back, err := m.Image()
			if err != nil {
				t.Fatal(err)
			}
			checkPixels(t, c.img, back)
		}
	}
}

func checkPixels(t *testing.T, want, got image.Image) {
	t.Helper()
	b := want.Bounds()
	if got.Bounds() != image.Rect(0, 0, b.Dx(), b.Dy()) {
		t.Fatal(got.Bounds())
	}
	for y := range b.Dy() {
		for x := range b.Dx() {
			w, g := color.NRGBAModel.Convert(want.At(b.Min.X+x, b.Min.Y+y)), color.NRGBAModel.Convert(got.At(x, y))
			if w != g {
				t.Fatalf("pixel %d, %d: %v, want %v", x, y, g, w)
			}
		}
	}
}

func TestImage_WrongSize(t *testing.T) {
	for _, m := range []messages.Image{
		{Width: 2, Height: 2, Step: 2, Encoding: messages.Mono8, Data: make([]byte, 3)},
		{Width: 2, Height: 2, Step: 1, Encoding: messages.Mono8, Data: make([]byte, 4)},
		{Width: 2, Height: 2, Step: 6, Encoding: messages.RGB8, Data: make([]byte, 11)},
		{Width: math.MaxUint32, Height: math.MaxUint32, Step: math.MaxUint32, Encoding: messages.Mono8, Data: make([]byte, 4)},
		{Width: math.MaxUint32 / 3, Height: math.MaxUint32, Step: math.MaxUint32, Encoding: messages.BGR8, Data: make([]byte, 4)},
	} {
		if img, err := m.Image(); err == nil || !strings.Contains(err.Error(), "too short") {
			t.Errorf("%d x %d: %v, %v", m.Width, m.Height, img, err)
		}
	}
	for _, m := range []messages.Image{{Encoding: messages.RGB8}, {Encoding: messages.RGB8, Height: math.MaxUint32}, {Encoding: messages.Mono8, Height: 5}} {
		if img, err := m.Image(); err != nil || !img.Bounds().Empty() {
			t.Errorf("%+v: %v, %v", m, img, err)
		}
	}
}

func TestMessages_LinkNoProtobuf(t *testing.T) {
	for folder, want := range map[string]bool{".": false, "./foxglove": true} {
		out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", folder).Output()
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(out), "google.golang.org/protobuf") != want || !strings.Contains(string(out), "shmbus/serde") {
			t.Errorf("%s: %s", folder, out)
		}
	}
}

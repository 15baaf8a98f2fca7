package screen

import (
	"errors"
	"image"
	"image/color"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"

	"github.com/shmbus/shmbus/cmd/shmmon/internal/message"
	common "github.com/shmbus/shmbus/messages"
)

// camera makes the messages of a camera: a bright disk on a gradient.
func camera(n int) message.Message {
	m := image.NewRGBA(image.Rect(0, 0, 160, 120))
	for y := range 120 {
		for x := range 160 {
			c := color.RGBA{uint8(x), uint8(y), 40, 255}
			if dx, dy := x-80, y-60; dx*dx+dy*dy < 40*40 {
				c = color.RGBA{255, 250, 200, 255}
			}
			m.SetRGBA(x, y, c)
		}
	}
	codec := common.CDR[common.Image]()
	payload, err := codec.Encoder().Append(nil, common.ImageOf(common.Header{FrameID: "camera"}, m))
	if err != nil {
		panic(err)
	}
	return message.Message{Type: codec.Type(), Unit: "driver", PID: 1001, Sequence: uint64(n), Time: time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC), Payload: payload}
}

func driveCamera(t *testing.T, of func(int) message.Message, width, height int) *driver {
	t.Helper()
	return driveWith(t, &script{make: robot}, &Options{Messages: &messages{of: of}}, width, height, 60).press("down", "down", "7", "i").polls(2)
}

func TestScreens_ImageAtThreeSizes(t *testing.T) {
	for _, s := range sizes {
		golden(t, "detail-image-"+s.name, driveCamera(t, camera, s.width, s.height).content())
	}
}

// With 256 colours or more two pixels are in a cell, with fewer their brightness is a character.
func TestImage_ColoursOfTheTerminal(t *testing.T) {
	for profile, colored := range map[colorprofile.Profile]bool{colorprofile.TrueColor: true, colorprofile.ANSI256: true, colorprofile.ANSI: false, colorprofile.ASCII: false, colorprofile.NoTTY: false} {
		d := driveCamera(t, camera, 80, 24).send(tea.ColorProfileMsg{Profile: profile})
		d.shows("160 x 120 pixels, rgb8")
		if got := strings.Contains(d.content(), "▀") && strings.Contains(d.content(), "\x1b[38;2;255;250;200;48;2;255;250;200m"); got != colored {
			t.Errorf("%v: half blocks %v", profile, got)
		}
		if got := strings.Contains(d.content(), "@@@@"); got == colored {
			t.Errorf("%v: characters %v", profile, got)
		}
	}
	d := driveCamera(t, camera, 80, 24).send(tea.ColorProfileMsg{Profile: colorprofile.TrueColor})
	if d.opts.ASCII = true; !strings.Contains(d.content(), "@@@@") {
		t.Error("no characters where only ASCII is allowed")
	}
}

// A topic of one message has a picture when it is asked for later, and after the terminal changed its size.
func TestImage_OfAMessageThatStays(t *testing.T) {
	d := driveCamera(t, camera, 80, 24)
	d.live.feed = &still{}
	d.press("m", "i").send(tea.WindowSizeMsg{Width: 120, Height: 40})
	if d.lacks("160 x 120 pixels"); d.live.picture != nil {
		t.Error("a picture for another size is kept")
	}
	d.polls(1).shows("160 x 120 pixels")
}

// A still is a feed without another message.
type still struct{}

func (*still) Newest() (message.Message, bool, error) { return message.Message{}, false, nil }
func (*still) Close() error                           { return nil }

func TestImage_NoneToShow(t *testing.T) {
	driveCamera(t, imu, 80, 24).shows("no picture: its type is none of images")
	hostile := func(n int) message.Message {
		m := camera(n)
		m.Payload = m.Payload[:40]
		return m
	}
	driveCamera(t, hostile, 80, 24).shows("no picture: ")
}

// A picture that took long is followed by a rest, and none is made that is not shown.
func TestImage_TakesAPartOfTheTime(t *testing.T) {
	l := live{}
	if l.nextPoll() != pollInterval {
		t.Errorf("without a picture: %v", l.nextPoll())
	}
	l.picture = &pictured{took: 300 * time.Millisecond, err: errors.New("x")}
	if l.nextPoll() != 2700*time.Millisecond {
		t.Errorf("after 300 ms: %v", l.nextPoll())
	}
	if d := driveCamera(t, camera, 80, 24).press("m").polls(1); d.live.picture != nil {
		t.Error("a picture is made beside the fields")
	}
}

// Beside or below a table an image is a picture, and what is none has its fields.
func TestSplit_Image(t *testing.T) {
	for _, width := range []int{80, 160} {
		d := driveWith(t, &script{make: robot}, &Options{Messages: &messages{of: camera}}, width, 24, 60).press("down", "down", "v").polls(2)
		d.shows("160 x 120 pixels, rgb8", "@@@")
		d.lacks("height", "is_bigendian")
	}
	d := driveWith(t, &script{make: robot}, &Options{Messages: &messages{of: imu}}, 80, 24, 60).press("down", "down", "v").polls(2)
	d.shows("acceleration")
	broken := func(n int) message.Message {
		m := camera(n)
		m.Type.Encoding = "json"
		m.Payload = []byte(`{"width": 5}`)
		return m
	}
	d = driveWith(t, &script{make: robot}, &Options{Messages: &messages{of: broken}}, 80, 24, 60).press("down", "down", "v").polls(2)
	d.shows("width: 5")
}

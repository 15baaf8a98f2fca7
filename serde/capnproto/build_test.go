package capnproto

import (
	"bytes"
	"errors"
	"testing"

	"github.com/shmbus/shmbus/internal/testcapnp"
)

func TestCodec_Build(t *testing.T) {
	c := poseCodec(t)
	buf := bytes.Repeat([]byte{0xaa}, 1000)
	n, err := c.Build(buf, testcapnp.FillPose)
	if err != nil {
		t.Fatal(err)
	}
	if want := encode(t, c, testcapnp.BuildPose()); !bytes.Equal(buf[:n], want) {
		t.Errorf("%x, not %x", buf[:n], want)
	}
	if n := testing.AllocsPerRun(100, func() {
		_, _ = c.Build(buf, func(m testcapnp.Pose) error { m.SetStamp(1); return nil })
	}); n > 1 {
		t.Errorf("%v allocations", n)
	}
}

func TestCodec_BuildWithoutSpace(t *testing.T) {
	c := poseCodec(t)
	whole := len(encode(t, c, testcapnp.BuildPose()))
	for size := range whole {
		buf := make([]byte, size)
		_, err := c.Build(buf, testcapnp.FillPose)
		var full *ShortBufferError
		if !errors.As(err, &full) || full.Limit != size || full.Used > size {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
	if n, err := c.Build(make([]byte, whole), testcapnp.FillPose); n != whole || err != nil {
		t.Error(n, err)
	}
	own := errors.New("own")
	if _, err := c.Build(make([]byte, whole), func(testcapnp.Pose) error { return own }); err != own {
		t.Error(err)
	}
}

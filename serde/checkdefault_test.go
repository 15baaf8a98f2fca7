package serde

import (
	"strings"
	"testing"
	"time"

	"github.com/shmbus/shmbus/internal/testcapnp"
	"github.com/shmbus/shmbus/internal/testfb"
	"github.com/shmbus/shmbus/internal/testpb"
)

type hidden struct{ x int }

type textual struct{ x int }

func (textual) MarshalText() ([]byte, error)  { return nil, nil }
func (*textual) UnmarshalText(_ []byte) error { return nil }

type embedded struct{ visible }

type visible struct{ X int }

func TestCheckDefault(t *testing.T) {
	for want, errs := range map[string][]error{
		"":                       {CheckDefault[int](), CheckDefault[[]byte](), CheckDefault[string](), CheckDefault[struct{}](), CheckDefault[any](), CheckDefault[map[string]int](), CheckDefault[time.Time](), CheckDefault[*textual](), CheckDefault[embedded](), CheckDefault[struct{ X int }]()},
		"protobuf.Codec[*testpb": {CheckDefault[*testpb.Pose]()},
		"no exported fields":     {CheckDefault[hidden](), CheckDefault[*hidden](), CheckDefault[*testfb.Pose](), CheckDefault[testcapnp.Pose]()},
	} {
		for i, err := range errs {
			if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("%d: %v, want %q", i, err, want)
			}
		}
	}
	_ = hidden{}.x + textual{}.x
}

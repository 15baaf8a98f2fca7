package command

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode"

	"github.com/shmbus/shmbus/cmd/internal/cli"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/watch"
	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/service"
)

func TestCloseNamesAreOffered(t *testing.T) {
	v := watch.View{Topics: []watch.Topic{{Name: "robot/pose"}, {Name: "robot/pose/raw"}, {Name: "camera"}, {Name: "x\x1b[2J"}}}
	for name, want := range map[string]string{
		"robot/pos": "there is robot/pose", "pose": "robot/pose", "cmaera": "there is camera", "zzzzzz": "'shmmon list' shows the 4 there are",
		"x\x1b[2": `x\x1b[2J`,
	} {
		_, err := choose(v, "/d", name)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", name, err)
		}
	}
	// What is counted is what the command shows that is named.
	v.Topics = append(v.Topics, watch.Topic{Name: "$param/1"}, watch.Topic{Name: "$service/plan/server"})
	for name, want := range map[string]string{"zzzzzz": "'shmmon list' shows the 4 there are", "$zzzzzz": "'shmmon list --all' shows the 6 there are"} {
		if _, err := choose(v, "/d", name); err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%q: %v", name, err)
		}
	}
	if _, err := choose(watch.View{Topics: v.Topics[4:]}, "/d", "zzzzzz"); err == nil || !strings.HasSuffix(err.Error(), "'shmmon list --all' shows the 2 there are") {
		t.Error(err)
	}
	if all, err := choose(v, "/d", "robot/**", "camera"); err != nil || len(all) != 3 {
		t.Errorf("%v, %v", all, err)
	}
	if _, err := choose(v, "/d", "robot/**", "nope"); err == nil {
		t.Error("an unknown name beside a known one passes")
	}
	if _, err := choose(watch.View{}, "/d", "x"); err == nil || !strings.Contains(err.Error(), "no topics at all") {
		t.Error(err)
	}
}

// A command names what its user can do, not functions and options of Go.
func TestTheRemedyIsACommand(t *testing.T) {
	left := fmt.Errorf("start: %w", &service.CallError{Service: "a", Err: service.ErrNoServer, Detail: "wait with WaitForServer"})
	const want = `call "a": no server has this name: it left meanwhile; 'shmmon services' shows what is served`
	if err := interrupted(t.Context(), left); err.Error() != want || failureKind(err) != "no_server" {
		t.Errorf("%v, %s", err, failureKind(err))
	}
	busy := &service.CallError{Service: "a", Err: service.ErrBusy, Detail: "call later"}
	if err := interrupted(t.Context(), busy); err != error(busy) {
		t.Error(err)
	}
}

func TestPayloadsAreShownSafely(t *testing.T) {
	var a app
	msgpack, err := serde.FromJSON("msgpack", []byte(`{"a":"\u001b[2J\u009b\u202e"}`))
	if err != nil {
		t.Fatal(err)
	}
	long := []byte(`"` + strings.Repeat("ä\\u0085", 400) + `"`)
	for _, c := range []struct {
		encoding, want, full string
		payload              []byte
	}{
		{"msgpack", `{"a":"\u001b[2J\u009b\u202e"}`, "", msgpack},
		{"raw", "hex 01 1b ff", "", []byte{1, 0x1b, 0xff}},
		{"raw", "empty", "", nil},
		{"raw", "hex 00", strings.Repeat(" 00", 1000), make([]byte, 1000)},
		{"msgpack", "hex c1 (", "", []byte{0xc1}},
		{"json", "… 700 more (", `\u0085"`, long},
		{"string", `"tab\tend"`, "", []byte("tab\tend")},
		{"\x1b[2J", "hex 01", "", []byte{1}},
	} {
		kind := serde.Type{Encoding: c.encoding}
		short, full := a.show(kind, c.payload, false), a.show(kind, c.payload, true)
		if !strings.Contains(short, c.want) || !strings.Contains(full, c.full) || len(short) > 800 {
			t.Errorf("%q %q is shown as %q, in full as %q", c.encoding, c.payload, short, full)
		}
		var js strings.Builder
		if err := (&cli.App{Stdout: &js}).Line(a.reportPayload(kind, c.payload, false)); err != nil {
			t.Error(err)
		}
		for _, r := range short + full + strings.TrimSuffix(js.String(), "\n") {
			if !unicode.IsPrint(r) {
				t.Errorf("%q reaches the terminal", r)
			}
		}
	}
}

func TestEcho_FieldsBehindLongOnes(t *testing.T) {
	var a app
	numbers := func(n int) string { return "[" + strings.TrimSuffix(strings.Repeat("0.25,", n), ",") + "]" }
	var many strings.Builder
	for i := range 500 {
		fmt.Fprintf(&many, `,"field%d":12345`, i)
	}
	many.WriteString("}")
	for name, c := range map[string]struct{ payload, want string }{
		"array":            {`{"a":` + numbers(1000) + `,"z":1}`, `{"a":[` + strings.Repeat("0.25,", 16) + `… 984 more],"z":1} (`},
		"text":             {`{"a":"` + strings.Repeat("x", 1000) + `","z":"end"}`, `{"a":"` + strings.Repeat("x", 100) + `"… 900 more,"z":"end"} (`},
		"escapes":          {`{"a":"` + strings.Repeat(`\u001b\n`, 200) + `","z":1}`, `\n"… 300 more,"z":1} (`},
		"arrays of arrays": {`{"a":[` + numbers(100) + strings.Repeat(","+numbers(100), 99) + `],"z":1}`, `… 92 more],… 92 more],"z":1} (`},
		"short":            {`{"a":` + numbers(30) + `,"z":[[],{},"",null]}`, `,0.25],"z":[[],{},"",null]}`},
		"many fields":      {`{"a":0` + many.String(), "… ("},
		"whole fields":     {`{"a":1,"b":[{"c":"` + strings.Repeat("y", 400) + `"},true],"z":-1e5}`, `"… 300 more},true],"z":-`},
	} {
		kind := serde.Type{Encoding: "json"}
		short, full := a.show(kind, []byte(c.payload), false), a.show(kind, []byte(c.payload), true)
		if !strings.Contains(short, c.want) || len(short) > longText+40 || strings.Contains(full, "more") {
			t.Errorf("%s is shown as %s", name, short)
		}
	}
}

func TestInfo_StaleAndFiltered(t *testing.T) {
	var out strings.Builder
	a := app{App: &cli.App{Stdout: &out}}
	for _, f := range []registry.SubscriptionStats{{Messages: 1}, {Messages: 1, Stale: 23}, {Messages: 1, Stale: 23, Filtered: 45}} {
		out.Reset()
		topic := watch.Topic{Name: "x", Stale: f.Stale, FilteredShared: f.Filtered, Subscribers: []watch.Subscriber{{Stats: f}}}
		out.WriteString(infoText(topic, 1))
		text := fmt.Sprintf("%d stale, %d filtered", f.Stale, f.Filtered)
		if got := strings.Contains(out.String(), text); got != (f.Stale > 0) {
			t.Errorf("%q: %v\n%s", text, got, out.String())
		}
		out.Reset()
		a.JSON = true
		if err := a.print(infoResult(topic, 1, "d")); err != nil {
			t.Fatal(err)
		}
		var report struct {
			Stale          uint64 `json:"stale"`
			FilteredShared uint64 `json:"filtered_shared"`
			SubscriberList []struct {
				Stale    uint64 `json:"stale"`
				Filtered uint64 `json:"filtered"`
			} `json:"subscriber_list"`
		}
		if err := json.Unmarshal([]byte(out.String()), &report); err != nil {
			t.Fatal(err)
		}
		if s := report.SubscriberList[0]; s.Stale != f.Stale || s.Filtered != f.Filtered || report.Stale != f.Stale || report.FilteredShared != f.Filtered {
			t.Errorf("%+v as JSON: %s", f, out.String())
		}
	}
}

package command

import (
	"fmt"
	"testing"

	"github.com/shmbus/shmbus/cmd/shmmon/internal/watch"
	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/serde"
)

func TestPub_Unreached(t *testing.T) {
	pose := registry.Endpoint{TypeName: "nav.Pose", Encoding: "cdr", SchemaEncoding: "ros2msg", Schema: []byte("float64 x")}
	text, none := registry.Endpoint{TypeName: "string", Encoding: "string"}, registry.Endpoint{Encoding: "raw"}
	other := pose
	other.Schema = []byte("float64 y")
	var many []registry.Endpoint
	for i := range 7 {
		many = append(many, registry.Endpoint{Encoding: fmt.Sprint("e", i)})
	}
	for want, subs := range map[string][]registry.Endpoint{
		"": {pose, {AnyType: true}, {TypeName: "nav.Pose", Encoding: "cdr"}},
		`1 subscription wants string in encoding "string" (u0)`:                                               {text, pose},
		`2 subscriptions want encoding "raw" (u0, u2), 1 subscription wants string in encoding "string" (u1)`: {none, text, none},
		`1 subscription wants nav.Pose in encoding "cdr" with another schema (u1)`:                            {pose, other},
		`7 subscriptions want encoding "raw" (u0, u1, u2, u3, u4, ...)`:                                       {none, none, none, none, none, none, none},
		`1 subscription wants encoding "e0" (u0), 1 subscription wants encoding "e1" (u1), 1 subscription wants encoding "e2" (u2), ` +
			`1 subscription wants encoding "e3" (u3), 1 subscription wants encoding "e4" (u4), ...`: many,
	} {
		var topic watch.Topic
		for i, e := range subs {
			topic.Subscribers = append(topic.Subscribers, watch.Subscriber{Endpoint: e, Owner: registry.Participant{Unit: fmt.Sprint("u", i)}})
		}
		kind := serde.Type{Name: pose.TypeName, Encoding: pose.Encoding, SchemaEncoding: pose.SchemaEncoding, Schema: pose.Schema}
		if got := unreached(topic, kind); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

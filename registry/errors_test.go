package registry

import (
	"errors"
	"strings"
	"testing"
)

func TestErrors_NameLimitAndRemedy(t *testing.T) {
	pub := Endpoint{ID: EndpointID{1, 2}, Kind: KindPublisher, Topic: "a/b", TypeName: "pkg.Old", Encoding: "msgpack", Schema: []byte("1")}
	sub := Endpoint{ID: EndpointID{3, 4}, Kind: KindSubscription, Patterns: []string{"a/*"}, TypeName: "pkg.New", Encoding: "cbor"}
	mismatch := Match(pub, sub).(*TypeMismatchError)
	mismatch.Subscription.Unit, mismatch.Subscription.PID, mismatch.Subscription.Executable = "viewer", 77, "/bin/viewer"
	cause := errors.New("the cause")
	for _, tc := range []struct {
		err  error
		want []string
	}{
		{&NameError{What: "topic name", Name: "a//b", Rule: "the rule"}, []string{"topic name", `"a//b"`, "the rule"}},
		{&DirError{Dir: "/d", Reason: "too open", Remedy: "chmod it", Err: cause}, []string{`"/d"`, "too open", "chmod it", "the cause"}},
		{&InUseError{Dir: "/d", Participants: []ID{1, 2, 3, 4, 5, 6}}, []string{"/d", "6 participants", "0000000000000005, ...", "end those"}},
		{mismatch, []string{`"a/b"`, "pkg.Old", "msgpack", "6b86b273ff34fce1", "0000000000000001.2", "pkg.New", "cbor",
			"viewer", "77", "/bin/viewer", "0000000000000003.4", "same type", "[]byte without a codec"}},
	} {
		for _, part := range tc.want {
			if !strings.Contains(tc.err.Error(), part) {
				t.Errorf("%T does not say %q: %v", tc.err, part, tc.err)
			}
		}
	}
	if !errors.Is(&DirError{Err: cause}, cause) {
		t.Error("a cause cannot be asked for")
	}
}

func TestMatch_Types(t *testing.T) {
	typed := func(name, encoding, schema string) Endpoint {
		return Endpoint{TypeName: name, Encoding: encoding, Schema: []byte(schema)}
	}
	for _, tc := range []struct {
		what     string
		pub, sub Endpoint
		ok       bool
	}{
		{"the same", typed("t", "cbor", "s"), typed("t", "cbor", "s"), true},
		{"another encoding", typed("t", "cbor", ""), typed("t", "json", ""), false},
		{"another name", typed("t", "cbor", ""), typed("u", "cbor", ""), false},
		{"a publisher without a name", typed("", "cbor", ""), typed("u", "cbor", ""), true},
		{"a subscription without a name", typed("t", "cbor", ""), typed("", "cbor", ""), true},
		{"another schema", typed("t", "cdr", "s"), typed("t", "cdr", "r"), false},
		{"another schema of an encoding that names fields", typed("t", "json", "s"), typed("t", "json", "r"), true},
		{"another name of such an encoding", typed("t", "json", "s"), typed("u", "json", "r"), false},
		{"another schema of protobuf, which skips a field of another kind", typed("t", "protobuf", "s"), typed("t", "protobuf", "r"), false},
		{"a publisher without a schema", typed("t", "cbor", ""), typed("t", "cbor", "r"), true},
		{"a subscription without a schema", typed("t", "cbor", "s"), typed("t", "cbor", ""), true},
		{"any type", typed("t", "cbor", "s"), Endpoint{AnyType: true, Encoding: "raw"}, true},
	} {
		err := Match(tc.pub, tc.sub)
		if (err == nil) != tc.ok {
			t.Errorf("%s: %v", tc.what, err)
		}
		if err != nil && !errors.As(err, new(*TypeMismatchError)) {
			t.Errorf("%s: %T", tc.what, err)
		}
	}
}

func TestMatch_SchemaDifference(t *testing.T) {
	long := strings.Repeat("x", 200)
	for _, tc := range []struct{ pub, sub, want string }{
		{"a\nb\nc\n", "a\nB\nc\n", `line 2: "b", "B"`},
		{"a\n", "a\nb", `line 2: "", "b"`},
		{long + "a" + long, long + "b", `line 1: ..."` + long[:40] + "a" + long[:39] + `", ..."` + long[:40] + `b"`},
		{long, "y", `line 1: "` + strings.Repeat("x", 80) + `", "y"`},
		{"\xff", "y", ""},
		{"", "y", ""},
		{"same", "same", ""},
	} {
		if got := firstDifference([]byte(tc.pub), []byte(tc.sub)); got != tc.want {
			t.Errorf("%q and %q: %s, want %s", tc.pub, tc.sub, got, tc.want)
		}
	}
	err := Match(Endpoint{Encoding: "cdr", Schema: []byte("int32 x")}, Endpoint{Encoding: "cdr", Schema: []byte("int64 x")})
	if err == nil || !strings.Contains(err.Error(), `(schemas differ: line 1: "int32 x", "int64 x")`) {
		t.Error(err)
	}
}

func TestKind_Names(t *testing.T) {
	for k := Joined; k <= VersionMismatch; k++ {
		if strings.Contains(k.String(), "ChangeKind") {
			t.Errorf("change %d has no name", k)
		}
	}
	if ChangeKind(0).String() != "ChangeKind(0)" || ChangeKind(99).String() != "ChangeKind(99)" || Kind(9).String() != "Kind(9)" {
		t.Error("an unknown kind has a name")
	}
	if KindPublisher.String() != "publisher" || KindSubscription.String() != "subscription" {
		t.Error("the kinds of endpoints are misnamed")
	}
}

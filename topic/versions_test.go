package topic

import (
	"errors"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/shmbus/shmbus/internal/testpb"
	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/serde/protobuf"
)

// changedPose returns the type of testpb.Pose after a change of its fields.
func changedPose(t *testing.T, change func(pose *descriptorpb.DescriptorProto)) serde.Type {
	t.Helper()
	typ := protobuf.Codec[*testpb.Pose]().Type()
	var set descriptorpb.FileDescriptorSet
	if err := proto.Unmarshal(typ.Schema, &set); err != nil {
		t.Fatal(err)
	}
	for _, f := range set.File {
		for _, m := range f.MessageType {
			if strings.HasSuffix(typ.Name, "."+m.GetName()) {
				change(m)
			}
		}
	}
	schema, err := proto.Marshal(&set)
	if err != nil {
		t.Fatal(err)
	}
	typ.Schema = schema
	return typ
}

func TestSubscriber_OtherVersionOfAMessage(t *testing.T) {
	newer := changedPose(t, func(m *descriptorpb.DescriptorProto) {
		m.Field = append(m.Field, &descriptorpb.FieldDescriptorProto{
			Name: proto.String("map_id"), Number: proto.Int32(9),
			Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum(), Type: descriptorpb.FieldDescriptorProto_TYPE_STRING.Enum(),
		})
	})
	other := changedPose(t, func(m *descriptorpb.DescriptorProto) {
		m.Field[1].Type = descriptorpb.FieldDescriptorProto_TYPE_UINT32.Enum()
	})
	long := changedPose(t, func(m *descriptorpb.DescriptorProto) {
		m.Field[1].Name, m.Field[1].JsonName = proto.String(strings.Repeat("x", 1<<20)), nil
		m.Field[1].Type = descriptorpb.FieldDescriptorProto_TYPE_UINT32.Enum()
	})
	damaged := newer
	damaged.Schema = newer.Schema[:len(newer.Schema)/2]
	payload := protowire.AppendString(protowire.AppendTag(nil, 2, protowire.BytesType), "map")
	payload = protowire.AppendString(protowire.AppendTag(payload, 9, protowire.BytesType), "second floor")
	for name, tc := range map[string]struct {
		published  serde.Type
		difference string // in the error; empty if the two are connected
	}{
		"newer":   {published: newer},
		"other":   {other, `field 2 of testpb.Pose is "frame_id", optional uint32, in one schema`},
		"damaged": {damaged, "schema"},
		"long":    {long, "xxx...)"},
	} {
		t.Run(name+"/publisher first", func(t *testing.T) {
			o := domain(t)
			a, b := join(t, o), join(t, o)
			pub := publisher(t, a, "pose", &PublisherOptions[[]byte]{Codec: serde.Opaque(tc.published)})
			sub, err := NewSubscriber[*testpb.Pose](t.Context(), b, "pose", &SubscriberOptions[*testpb.Pose]{Codec: protobuf.Codec[*testpb.Pose]()})
			if tc.difference != "" {
				var mismatch *TypeMismatchError
				if !errors.As(err, &mismatch) || !strings.Contains(err.Error(), tc.difference) || mismatch.Publisher.Executable == "" || len(err.Error()) > 2000 {
					t.Fatalf("NewSubscriber returned %.2000v, want a TypeMismatchError with %q", err, tc.difference)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer sub.Close()
			exchangePose(t, pub, sub, payload)
		})
		t.Run(name+"/subscriber first", func(t *testing.T) {
			o := domain(t)
			a, b := join(t, o), join(t, o)
			h := listen(t, b)
			sub := subscriber(t, b, "pose", &SubscriberOptions[*testpb.Pose]{Codec: protobuf.Codec[*testpb.Pose]()})
			pub := publisher(t, a, "pose", &PublisherOptions[[]byte]{Codec: serde.Opaque(tc.published)})
			if tc.difference == "" {
				exchangePose(t, pub, sub, payload)
				return
			}
			h.until("the mismatch", func(e Event) bool { return isMismatch(e) && strings.Contains(e.Err.Error(), tc.difference) })
			if n := pub.Subscribers(); n != 0 {
				t.Errorf("the publisher has %d subscriptions", n)
			}
		})
	}
}

func exchangePose(t *testing.T, pub *Publisher[[]byte], sub *Subscriber[*testpb.Pose], payload []byte) {
	t.Helper()
	send(t, pub, payload)
	s, err := sub.Receive(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Release()
	if v, err := s.Value(); err != nil || v.GetFrameId() != "map" {
		t.Errorf("the value is %v, %v", v, err)
	}
}

// A filter and a check of the same publisher are both asked, the check only about publishers that the filter accepts.
func TestSubscriber_FilterBeforeSchemaCheck(t *testing.T) {
	o := domain(t)
	a, b := join(t, o), join(t, o)
	other := changedPose(t, func(m *descriptorpb.DescriptorProto) { m.Field = m.Field[1:2] })
	var asked []string
	c := &checkedCodec{protobuf.Codec[*testpb.Pose](), &asked}
	publisher(t, a, "pose/a", &PublisherOptions[[]byte]{Codec: serde.Opaque(other)})
	publisher(t, a, "pose/b", &PublisherOptions[[]byte]{Codec: serde.Opaque(other)})
	publisher(t, a, "pose/c", &PublisherOptions[*testpb.Pose]{Codec: protobuf.Codec[*testpb.Pose]()})
	sub := subscriber(t, b, "pose/*", &SubscriberOptions[*testpb.Pose]{Codec: c, Filter: func(topic string) bool { return topic != "pose/b" }})
	if n := sub.Publishers(); n != 2 {
		t.Errorf("connected with %d publishers, want 2", n)
	}
	if len(asked) != 1 {
		t.Errorf("the codec was asked %d times: %q", len(asked), asked)
	}
}

// checkedCodec notes what it was asked.
type checkedCodec struct {
	serde.Codec[*testpb.Pose]
	asked *[]string
}

func (c *checkedCodec) CheckType(published serde.Type) error {
	*c.asked = append(*c.asked, published.Name)
	return nil
}

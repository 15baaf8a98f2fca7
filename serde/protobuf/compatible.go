package protobuf

import (
	"fmt"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/shmbus/shmbus/serde"
)

// Compatible reports whether payloads of type a can be decoded as type b, and the other way round. It returns nil if the names
// are equal and, in the message and in those that it contains, each field number that both schemas have stands for the same kind
// and cardinality, and each one that only one of them has is not required. Names of fields and enum values are not compared,
// because payloads have only numbers. Equal schemas are compatible. The error names the first field that differs.
func Compatible(a, b serde.Type) error {
	if a.Name != b.Name {
		return fmt.Errorf("the message %s is not %s", b.Name, a.Name)
	}
	sa, err := ParseSchema(a)
	if err != nil {
		return err
	}
	sb, err := ParseSchema(b)
	if err != nil {
		return err
	}
	compared := map[[2]protoreflect.FullName]bool{}
	next := [][2]protoreflect.MessageDescriptor{{sa.md, sb.md}}
	for len(next) > 0 {
		pair := next[0]
		next = next[1:]
		names := [2]protoreflect.FullName{pair[0].FullName(), pair[1].FullName()}
		if compared[names] {
			continue
		}
		compared[names] = true
		if len(compared) > maxElements {
			return fmt.Errorf("the schemas of %s have too many messages to compare", a.Name)
		}
		inner, err := compareFields(pair[0], pair[1])
		if err != nil {
			return err
		}
		next = append(next, inner...)
	}
	return nil
}

// compareFields compares the fields of two messages and returns the messages that both contain in the same field.
func compareFields(a, b protoreflect.MessageDescriptor) (inner [][2]protoreflect.MessageDescriptor, err error) {
	for i := range a.Fields().Len() {
		fa := a.Fields().Get(i)
		fb := b.Fields().ByNumber(fa.Number())
		switch {
		case fb == nil && fa.Cardinality() == protoreflect.Required:
			return nil, fmt.Errorf("field %d of %s, %q, is required, and the other schema lacks it", fa.Number(), a.FullName(), fa.Name())
		case fb == nil:
		case shape(fa) != shape(fb):
			return nil, fmt.Errorf("field %d of %s is %q, %s, in one schema and %q, %s, in the other",
				fa.Number(), a.FullName(), fa.Name(), shape(fa), fb.Name(), shape(fb))
		case fa.Message() != nil:
			inner = append(inner, [2]protoreflect.MessageDescriptor{fa.Message(), fb.Message()})
		}
	}
	for i := range b.Fields().Len() {
		fb := b.Fields().Get(i)
		if fb.Cardinality() == protoreflect.Required && a.Fields().ByNumber(fb.Number()) == nil {
			return nil, fmt.Errorf("field %d of %s, %q, is required, and the other schema lacks it", fb.Number(), b.FullName(), fb.Name())
		}
	}
	return inner, nil
}

// shape is what must be the same in both schemas, such as "repeated double". Lists are decoded packed or not.
func shape(fd protoreflect.FieldDescriptor) string {
	if fd.IsMap() {
		return fmt.Sprintf("map of %v to %v", fd.MapKey().Kind(), fd.MapValue().Kind())
	}
	return fmt.Sprintf("%v %v", fd.Cardinality(), fd.Kind())
}

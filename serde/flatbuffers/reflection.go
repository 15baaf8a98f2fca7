package flatbuffers

import flatbuffers "github.com/google/flatbuffers/go"

// Offsets in vtables of the fields of reflection.fbs that are used here.
const (
	schemaObjects    = 4
	schemaEnums      = 6
	schemaIdentifier = 8
	schemaRoot       = 12

	objectName     = 4
	objectFields   = 6
	objectIsStruct = 8
	objectAlign    = 10
	objectSize     = 12

	fieldName        = 4
	fieldType        = 6
	fieldID          = 8
	fieldOffset      = 10
	fieldDefaultInt  = 12
	fieldDefaultReal = 14
	fieldDeprecated  = 16
	fieldRequired    = 18
	fieldOptional    = 26
	fieldOffset64    = 30

	typeBase   = 4
	typeElem   = 6
	typeIndex  = 8
	typeLength = 10

	enumName       = 4
	enumValues     = 6
	enumIsUnion    = 8
	enumUnderlying = 10
	enumAttributes = 12

	valueName      = 4
	valueNumber    = 6
	valueUnionType = 10

	attributeKey = 4
)

// reflectionSchema is the part of reflection.fbs that is used here. A schema is itself a message, which is verified by this before
// it is read.
func reflectionSchema() *object {
	of := func(offset int, name string, required bool, typ valueType) field {
		return field{name: name, typ: typ, id: (offset - 4) / 2, offset: offset, required: required}
	}
	table := func(name string, fields ...field) *object {
		o := &object{name: "reflection." + name, fields: fields, lastRequired: -1}
		for i, f := range fields {
			if f.required {
				o.lastRequired = i
			}
		}
		return o
	}
	scalar := func(b baseType) valueType { return valueType{base: b} }
	list := func(o *object) valueType { return valueType{base: typeVector, elem: typeObject, object: o} }
	text := scalar(typeString)

	typ := table("Type", of(typeBase, "base_type", false, scalar(typeByte)), of(typeElem, "element", false, scalar(typeByte)),
		of(typeIndex, "index", false, scalar(typeInt)), of(typeLength, "fixed_length", false, scalar(typeUShort)))
	typ.fields[2].defaultInt = -1
	oneType := valueType{base: typeObject, object: typ}
	attribute := table("KeyValue", of(attributeKey, "key", true, text))
	value := table("EnumVal", of(valueName, "name", true, text), of(valueNumber, "value", false, scalar(typeLong)),
		of(valueUnionType, "union_type", false, oneType))
	names := table("Enum", of(enumName, "name", true, text), of(enumValues, "values", true, list(value)),
		of(enumIsUnion, "is_union", false, scalar(typeBool)), of(enumUnderlying, "underlying_type", true, oneType),
		of(enumAttributes, "attributes", false, list(attribute)))
	member := table("Field", of(fieldName, "name", true, text), of(fieldType, "type", true, oneType),
		of(fieldID, "id", false, scalar(typeUShort)), of(fieldOffset, "offset", false, scalar(typeUShort)),
		of(fieldDefaultInt, "default_integer", false, scalar(typeLong)), of(fieldDefaultReal, "default_real", false, scalar(typeDouble)),
		of(fieldDeprecated, "deprecated", false, scalar(typeBool)), of(fieldRequired, "required", false, scalar(typeBool)),
		of(fieldOptional, "optional", false, scalar(typeBool)), of(fieldOffset64, "offset64", false, scalar(typeBool)))
	object := table("Object", of(objectName, "name", true, text), of(objectFields, "fields", true, list(member)),
		of(objectIsStruct, "is_struct", false, scalar(typeBool)), of(objectAlign, "minalign", false, scalar(typeInt)),
		of(objectSize, "bytesize", false, scalar(typeInt)))
	return table("Schema", of(schemaObjects, "objects", true, list(object)), of(schemaEnums, "enums", true, list(names)),
		of(schemaIdentifier, "file_ident", false, text), of(schemaRoot, "root_table", false, valueType{base: typeObject, object: object}))
}

// A reflected is a table of a verified schema.
type reflected struct{ flatbuffers.Table }

func tableAt(buf []byte, pos flatbuffers.UOffsetT) reflected {
	return reflected{flatbuffers.Table{Bytes: buf, Pos: pos}}
}

// text returns a text in place, empty if it is absent.
func (r reflected) text(slot flatbuffers.VOffsetT) string {
	off := r.Offset(slot)
	if off == 0 {
		return ""
	}
	return r.String(r.Pos + flatbuffers.UOffsetT(off))
}

// one returns a table, or false if it is absent.
func (r reflected) one(slot flatbuffers.VOffsetT) (reflected, bool) {
	off := r.Offset(slot)
	if off == 0 {
		return reflected{}, false
	}
	return tableAt(r.Bytes, r.Indirect(r.Pos+flatbuffers.UOffsetT(off))), true
}

// count returns the number of tables in a vector.
func (r reflected) count(slot flatbuffers.VOffsetT) int {
	off := r.Offset(slot)
	if off == 0 {
		return 0
	}
	return r.VectorLen(flatbuffers.UOffsetT(off))
}

// item returns a table of a vector.
func (r reflected) item(slot flatbuffers.VOffsetT, i int) reflected {
	first := r.Vector(flatbuffers.UOffsetT(r.Offset(slot)))
	return tableAt(r.Bytes, r.Indirect(first+flatbuffers.UOffsetT(4*i)))
}

@0x9d95e546f2d101f7;
# Messages for tests: the shapes that robots exchange, and what is rare.

using Go = import "/go.capnp";
$Go.package("testcapnp");
$Go.import("github.com/shmbus/shmbus/internal/testcapnp");

struct Vector {
  x @0 :Float64;
  y @1 :Float64;
  z @2 :Float64;
}

struct Quaternion {
  x @0 :Float64;
  y @1 :Float64;
  z @2 :Float64;
  w @3 :Float64 = 1;
}

struct Pose {
  stamp @0 :Int64; # nanoseconds
  frameId @1 :Text;
  position @2 :Vector;
  orientation @3 :Quaternion;
}

struct Image {
  stamp @0 :Int64;
  frameId @1 :Text;
  width @2 :UInt32;
  height @3 :UInt32;
  format @4 :Format;
  data @5 :Data;

  enum Format {
    unknown @0;
    mono8 @1;
    rgb8 @2;
  }
}

struct PointCloud {
  stamp @0 :Int64;
  frameId @1 :Text;
  points @2 :List(Float32); # x, y, z of each
  channels @3 :List(Channel);

  struct Channel {
    name @0 :Text;
    values @1 :List(Float32);
  }
}

# A Node has a field of each kind that the others lack, and contains nodes.
struct Node {
  nothing @0 :Void;
  flag @1 :Bool;
  on @2 :Bool = true;
  i8 @3 :Int8 = -8;
  i16 @4 :Int16;
  i32 @5 :Int32 = -32;
  i64 @6 :Int64;
  u8 @7 :UInt8;
  u16 @8 :UInt16 = 16;
  u64 @9 :UInt64;
  f32 @10 :Float32 = 0.5;
  format @11 :Image.Format = rgb8;
  name @12 :Text = "node";
  blob @13 :Data = 0x"01 02 ff";
  next @14 :Node;
  children @15 :List(Node);
  flags @16 :List(Bool);
  bytes @17 :List(UInt8);
  numbers @18 :List(Int64) = [1, -2, 3];
  texts @19 :List(Text);
  blobs @20 :List(Data);
  formats @21 :List(Image.Format);
  nested @22 :List(List(Int16));
  origin @23 :Vector = (x = 1, y = 2);
  any @24 :AnyPointer;

  union {
    none @25 :Void;
    count @26 :UInt32 = 7;
    label @27 :Text;
    place @28 :Vector;
  }
  shape :union {
    round @29 :Float64;
    box :group {
      width @30 :Float64;
      height @31 :Float64;
    }
  }
  limits :group {
    low @32 :Int32;
    high @33 :Int32 = 100;
  }
}

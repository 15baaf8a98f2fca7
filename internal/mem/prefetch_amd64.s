#include "textflag.h"

// func prefetchToWrite(p *byte, n int)
//
// PREFETCHW, which the assembler does not know, for each cache line. Processors without it ignore it.
TEXT ·prefetchToWrite(SB), NOSPLIT, $0-16
	MOVQ p+0(FP), AX
	MOVQ n+8(FP), CX

line:
	BYTE $0x0F; BYTE $0x0D; BYTE $0x08 // PREFETCHW (AX)
	ADDQ $64, AX
	SUBQ $64, CX
	JA   line
	RET

// func prefetchToRead(p *byte, n int)
TEXT ·prefetchToRead(SB), NOSPLIT, $0-16
	MOVQ p+0(FP), AX
	MOVQ n+8(FP), CX

line:
	PREFETCHT0 (AX)
	ADDQ $64, AX
	SUBQ $64, CX
	JA   line
	RET

#include "textflag.h"

// The constants of the rounds (FIPS 180-4, section 4.2.2).
DATA rounds<>+0x00(SB)/8, $0x71374491428a2f98
DATA rounds<>+0x08(SB)/8, $0xe9b5dba5b5c0fbcf
DATA rounds<>+0x10(SB)/8, $0x59f111f13956c25b
DATA rounds<>+0x18(SB)/8, $0xab1c5ed5923f82a4
DATA rounds<>+0x20(SB)/8, $0x12835b01d807aa98
DATA rounds<>+0x28(SB)/8, $0x550c7dc3243185be
DATA rounds<>+0x30(SB)/8, $0x80deb1fe72be5d74
DATA rounds<>+0x38(SB)/8, $0xc19bf1749bdc06a7
DATA rounds<>+0x40(SB)/8, $0xefbe4786e49b69c1
DATA rounds<>+0x48(SB)/8, $0x240ca1cc0fc19dc6
DATA rounds<>+0x50(SB)/8, $0x4a7484aa2de92c6f
DATA rounds<>+0x58(SB)/8, $0x76f988da5cb0a9dc
DATA rounds<>+0x60(SB)/8, $0xa831c66d983e5152
DATA rounds<>+0x68(SB)/8, $0xbf597fc7b00327c8
DATA rounds<>+0x70(SB)/8, $0xd5a79147c6e00bf3
DATA rounds<>+0x78(SB)/8, $0x1429296706ca6351
DATA rounds<>+0x80(SB)/8, $0x2e1b213827b70a85
DATA rounds<>+0x88(SB)/8, $0x53380d134d2c6dfc
DATA rounds<>+0x90(SB)/8, $0x766a0abb650a7354
DATA rounds<>+0x98(SB)/8, $0x92722c8581c2c92e
DATA rounds<>+0xa0(SB)/8, $0xa81a664ba2bfe8a1
DATA rounds<>+0xa8(SB)/8, $0xc76c51a3c24b8b70
DATA rounds<>+0xb0(SB)/8, $0xd6990624d192e819
DATA rounds<>+0xb8(SB)/8, $0x106aa070f40e3585
DATA rounds<>+0xc0(SB)/8, $0x1e376c0819a4c116
DATA rounds<>+0xc8(SB)/8, $0x34b0bcb52748774c
DATA rounds<>+0xd0(SB)/8, $0x4ed8aa4a391c0cb3
DATA rounds<>+0xd8(SB)/8, $0x682e6ff35b9cca4f
DATA rounds<>+0xe0(SB)/8, $0x78a5636f748f82ee
DATA rounds<>+0xe8(SB)/8, $0x8cc7020884c87814
DATA rounds<>+0xf0(SB)/8, $0xa4506ceb90befffa
DATA rounds<>+0xf8(SB)/8, $0xc67178f2bef9a3f7
GLOBL rounds<>(SB), RODATA|NOPTR, $256

// Big-endian words out of bytes.
DATA swap<>+0(SB)/8, $0x0405060700010203
DATA swap<>+8(SB)/8, $0x0c0d0e0f08090a0b
GLOBL swap<>(SB), RODATA|NOPTR, $16

// Four rounds of one message: m has their words, abef and cdgh the state.
#define FOUR(k, m, abef, cdgh) \
	MOVOU (k*16)(R8), X0; \
	PADDD m, X0; \
	SHA256RNDS2 X0, abef, cdgh; \
	PSHUFD $0x0e, X0, X0; \
	SHA256RNDS2 X0, cdgh, abef

// Four of the first rounds, whose words come out of the block.
#define FIRST(k, block, m, abef, cdgh) \
	MOVOU (k*16)(block), m; \
	PSHUFB X14, m; \
	FOUR(k, m, abef, cdgh)

// Four rounds, and the words of those behind the next ones: next holds what is
// known of the words that follow m; before are those before m.
#define LATER(k, m, next, before, abef, cdgh) \
	FOUR(k, m, abef, cdgh); \
	MOVO m, X13; \
	PALIGNR $4, before, X13; \
	PADDD X13, next; \
	SHA256MSG2 m, next; \
	SHA256MSG1 m, before

// func pairBlocks(s *pairState, a, b *byte, blocks int)
TEXT ·pairBlocks(SB), NOSPLIT, $0-32
	MOVQ s+0(FP), DI
	MOVQ a+8(FP), SI
	MOVQ b+16(FP), DX
	MOVQ blocks+24(FP), CX
	LEAQ rounds<>(SB), R8
	MOVOU swap<>(SB), X14
	MOVOU 0(DI), X1
	MOVOU 16(DI), X2
	MOVOU 32(DI), X7
	MOVOU 48(DI), X8

loop:
	FIRST(0, SI, X3, X1, X2)
	FIRST(0, DX, X9, X7, X8)
	FIRST(1, SI, X4, X1, X2)
	FIRST(1, DX, X10, X7, X8)
	SHA256MSG1 X4, X3
	SHA256MSG1 X10, X9
	FIRST(2, SI, X5, X1, X2)
	FIRST(2, DX, X11, X7, X8)
	SHA256MSG1 X5, X4
	SHA256MSG1 X11, X10
	MOVOU 48(SI), X6
	MOVOU 48(DX), X12
	PSHUFB X14, X6
	PSHUFB X14, X12
	LATER(3, X6, X3, X5, X1, X2)
	LATER(3, X12, X9, X11, X7, X8)
	LATER(4, X3, X4, X6, X1, X2)
	LATER(4, X9, X10, X12, X7, X8)
	LATER(5, X4, X5, X3, X1, X2)
	LATER(5, X10, X11, X9, X7, X8)
	LATER(6, X5, X6, X4, X1, X2)
	LATER(6, X11, X12, X10, X7, X8)
	LATER(7, X6, X3, X5, X1, X2)
	LATER(7, X12, X9, X11, X7, X8)
	LATER(8, X3, X4, X6, X1, X2)
	LATER(8, X9, X10, X12, X7, X8)
	LATER(9, X4, X5, X3, X1, X2)
	LATER(9, X10, X11, X9, X7, X8)
	LATER(10, X5, X6, X4, X1, X2)
	LATER(10, X11, X12, X10, X7, X8)
	LATER(11, X6, X3, X5, X1, X2)
	LATER(11, X12, X9, X11, X7, X8)
	LATER(12, X3, X4, X6, X1, X2)
	LATER(12, X9, X10, X12, X7, X8)
	LATER(13, X4, X5, X3, X1, X2)
	LATER(13, X10, X11, X9, X7, X8)
	LATER(14, X5, X6, X4, X1, X2)
	LATER(14, X11, X12, X10, X7, X8)
	FOUR(15, X6, X1, X2)
	FOUR(15, X12, X7, X8)

	MOVOU 0(DI), X0
	PADDD X0, X1
	MOVOU 16(DI), X0
	PADDD X0, X2
	MOVOU 32(DI), X0
	PADDD X0, X7
	MOVOU 48(DI), X0
	PADDD X0, X8
	MOVOU X1, 0(DI)
	MOVOU X2, 16(DI)
	MOVOU X7, 32(DI)
	MOVOU X8, 48(DI)
	ADDQ $64, SI
	ADDQ $64, DX
	DECQ CX
	JNZ loop
	RET

// func cpuid(leaf uint32) (eax, ebx, ecx uint32)
TEXT ·cpuid(SB), NOSPLIT, $0-20
	MOVL leaf+0(FP), AX
	XORL CX, CX
	CPUID
	MOVL AX, eax+8(FP)
	MOVL BX, ebx+12(FP)
	MOVL CX, ecx+16(FP)
	RET

/*
 * The eight tile registers of AMX (Intel SDM volume 1, chapter 18), each of 16 rows of 64 bytes. They
 * are named, not numbered, as instructions hold the number: QUERN_TILE_..., 0 to 7. Without AMX, for
 * tests alone, the same in plain C on a variable `tiles` that QUERN_TILES declares.
 */
#ifndef QUERN_TILES_H
#define QUERN_TILES_H

#include "kernel.h"
#include "simd/simd.h"

#define QUERN_TILE_LINES 16
/* BF16 elements in a row of a tile: what one product sums up. */
#define QUERN_TILE_DEPTH 32

#if defined(__AMX_TILE__) && defined(__AMX_BF16__) && defined(__AMX_INT8__)

typedef struct tile_configuration {
    uint8_t palette;
    uint8_t start_row;
    uint8_t reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} tile_configuration;

static const tile_configuration whole_tiles = {
    .palette = 1,
    .row_bytes = {64, 64, 64, 64, 64, 64, 64, 64},
    .rows = {16, 16, 16, 16, 16, 16, 16, 16},
};

/*
 * Not by intrinsic: those of GCC 12 do not say that they read memory, and what packing or the
 * configuration has just stored may come after them.
 */
QUERN_INLINE void quern_tiles_begin(void) {
    __asm__ volatile("ldtilecfg %0" : : "m"(whole_tiles));
}

/* Tiles in use make every switch of threads dearer. */
QUERN_INLINE void quern_tiles_end(void) { __asm__ volatile("tilerelease" : : : "memory"); }

#define QUERN_TILES
#define QUERN_TILE_ZERO(tile) __asm__ volatile("tilezero %tmm" #tile)
#define QUERN_TILE_LOAD(tile, base, stride)               \
    __asm__ volatile("tileloadd (%0,%1,1), %%tmm" #tile   \
                     :                                    \
                     : "r"(base), "r"((int64_t)(stride)) \
                     : "memory")
#define QUERN_TILE_STORE(tile, base, stride)              \
    __asm__ volatile("tilestored %%tmm" #tile ", (%0,%1,1)" \
                     :                                    \
                     : "r"(base), "r"((int64_t)(stride)) \
                     : "memory")
#define QUERN_TILE_PRODUCT(c, a, b) \
    __asm__ volatile("tdpbf16ps %tmm" #b ", %tmm" #a ", %tmm" #c)
#define QUERN_TILE_PRODUCT_INT8(c, a, b) \
    __asm__ volatile("tdpbssd %tmm" #b ", %tmm" #a ", %tmm" #c)

#else

typedef struct quern_tile {
    uint8_t line[QUERN_TILE_LINES][64];
} quern_tile;

QUERN_INLINE void quern_tiles_begin(void) {}
QUERN_INLINE void quern_tiles_end(void) {}

static inline void quern_tile_load(quern_tile *tile, const void *base, int64_t stride) {
    for (int i = 0; i < QUERN_TILE_LINES; i++) {
        memcpy(tile->line[i], (const char *)base + i * stride, 64);
    }
}

static inline void quern_tile_store(const quern_tile *tile, void *base, int64_t stride) {
    for (int i = 0; i < QUERN_TILE_LINES; i++) {
        memcpy((char *)base + i * stride, tile->line[i], 64);
    }
}

static inline float quern_tile_float(uint16_t bf16) {
    const uint32_t bits = (uint32_t)bf16 << 16;
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* c[i][j] += sum over pairs p of a[i][2p] b[p][2j] + a[i][2p + 1] b[p][2j + 1] */
static inline void quern_tile_product(quern_tile *c, const quern_tile *a, const quern_tile *b) {
    for (int i = 0; i < QUERN_TILE_LINES; i++) {
        float sum[16];
        uint16_t left[32];
        memcpy(sum, c->line[i], sizeof sum);
        memcpy(left, a->line[i], sizeof left);
        for (int p = 0; p < 16; p++) {
            uint16_t right[32];
            memcpy(right, b->line[p], sizeof right);
            for (int j = 0; j < 16; j++) {
                sum[j] += quern_tile_float(left[2 * p]) * quern_tile_float(right[2 * j]);
                sum[j] += quern_tile_float(left[2 * p + 1]) * quern_tile_float(right[2 * j + 1]);
            }
        }
        memcpy(c->line[i], sum, sizeof sum);
    }
}

/* c[i][j] += sum over quads p of a[i][4p + s] b[p][4j + s] for s of 0 to 3 */
static inline void quern_tile_product_int8(quern_tile *c, const quern_tile *a, const quern_tile *b) {
    for (int i = 0; i < QUERN_TILE_LINES; i++) {
        int32_t sum[16];
        memcpy(sum, c->line[i], sizeof sum);
        for (int p = 0; p < 16; p++) {
            for (int j = 0; j < 16; j++) {
                for (int s = 0; s < 4; s++) {
                    sum[j] += (int8_t)a->line[i][4 * p + s] * (int8_t)b->line[p][4 * j + s];
                }
            }
        }
        memcpy(c->line[i], sum, sizeof sum);
    }
}

#define QUERN_TILES quern_tile tiles[8];
#define QUERN_TILE_ZERO(tile) memset(&tiles[tile], 0, sizeof tiles[tile])
#define QUERN_TILE_LOAD(tile, base, stride) quern_tile_load(&tiles[tile], base, stride)
#define QUERN_TILE_STORE(tile, base, stride) quern_tile_store(&tiles[tile], base, stride)
#define QUERN_TILE_PRODUCT(c, a, b) quern_tile_product(&tiles[c], &tiles[a], &tiles[b])
#define QUERN_TILE_PRODUCT_INT8(c, a, b) quern_tile_product_int8(&tiles[c], &tiles[a], &tiles[b])

#endif

#endif

/* What the tiles do at most: products of tiles that stay in the registers. */
#include "amx/tiles.h"
#include "measure/loops.h"

enum { ROUNDS = 64, SUMS = QUERN_TILE_LINES * 16 };

/* Rounds of four products of two tiles by two, of BF16 or of bytes. */
QUERN_INLINE float products(float seed, const int bytes) {
    QUERN_TILES
    float sums[SUMS];
    for (int i = 0; i < SUMS; i++) sums[i] = seed;
    quern_tiles_begin();
    QUERN_TILE_LOAD(4, sums, 64);
    QUERN_TILE_LOAD(5, sums, 64);
    QUERN_TILE_LOAD(6, sums, 64);
    QUERN_TILE_LOAD(7, sums, 64);
    QUERN_TILE_ZERO(0);
    QUERN_TILE_ZERO(1);
    QUERN_TILE_ZERO(2);
    QUERN_TILE_ZERO(3);
    for (int round = 0; round < ROUNDS; round++) {
        if (bytes) {
            QUERN_TILE_PRODUCT_INT8(0, 4, 6);
            QUERN_TILE_PRODUCT_INT8(1, 4, 7);
            QUERN_TILE_PRODUCT_INT8(2, 5, 6);
            QUERN_TILE_PRODUCT_INT8(3, 5, 7);
        } else {
            QUERN_TILE_PRODUCT(0, 4, 6);
            QUERN_TILE_PRODUCT(1, 4, 7);
            QUERN_TILE_PRODUCT(2, 5, 6);
            QUERN_TILE_PRODUCT(3, 5, 7);
        }
    }
    QUERN_TILE_STORE(0, sums, 64);
    quern_tiles_end();
    return sums[0];
}

int64_t QUERN_NAME(bf16_loop)(const float *seeds, float *result) {
    *result += products(seeds[0], 0);
    return (int64_t)4 * ROUNDS * 2 * SUMS * QUERN_TILE_DEPTH;
}

int64_t QUERN_NAME(int8_loop)(const float *seeds, float *result) {
    *result += products(seeds[0], 1);
    return (int64_t)4 * ROUNDS * 2 * SUMS * 2 * QUERN_TILE_DEPTH;
}

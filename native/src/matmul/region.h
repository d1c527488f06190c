/* How the output of a product is divided among workers. */
#ifndef QUERN_REGION_H
#define QUERN_REGION_H

#include "kernel.h"

/* The part of out that a worker computes. */
typedef struct quern_region {
    quern_range rows;
    quern_range columns;
} quern_region;

/*
 * Divides out [m,n] among a grid of workers, in whole tiles of tile_rows by tile_columns. A column of
 * workers packs the same b and a row of them the same a, so of all grids the one with the least
 * arithmetic and packing for the busiest worker is taken. steps_packed: how many steps of an element
 * take as long as packing one does.
 */
QUERN_INLINE quern_region quern_divide(int64_t m, int64_t n, int64_t tile_rows, int64_t tile_columns,
                                       double steps_packed, int32_t part, int32_t parts) {
    int32_t best_rows = 1;
    double best = -1;
    for (int32_t rows = 1; rows <= parts; rows++) {
        if (parts % rows != 0) continue;
        quern_range widest_rows = quern_share(m, tile_rows, 0, rows);
        quern_range widest_columns = quern_share(n, tile_columns, 0, parts / rows);
        double height = (double)(widest_rows.last - widest_rows.first);
        double width = (double)(widest_columns.last - widest_columns.first);
        double cost = height * width / steps_packed + height + width;
        if (best < 0 || cost < best) {
            best = cost;
            best_rows = rows;
        }
    }
    int32_t best_columns = parts / best_rows;
    return (quern_region){quern_share(m, tile_rows, part / best_columns, best_rows),
                          quern_share(n, tile_columns, part % best_columns, best_columns)};
}

#endif

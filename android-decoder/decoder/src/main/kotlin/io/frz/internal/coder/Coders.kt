package io.frz.internal.coder

import io.frz.Coder

/** The registry of coders; each has one entry. */
internal object Coders {
    private val all: Map<Coder, SegmentCoder> =
        listOf(NoneCoder, DeflateCoder, ZstdCoder, AdaptiveCoder, StaticCoder).associateBy { it.coder }

    fun of(coder: Coder): SegmentCoder = all.getValue(coder)
}

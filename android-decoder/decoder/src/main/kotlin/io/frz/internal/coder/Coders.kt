package io.frz.internal.coder

import io.frz.Coder

/** The registry of coders. A new one is one more entry here. */
internal object Coders {
    private val all: Map<Coder, SegmentCoder> =
        listOf(NoneCoder, DeflateCoder, ZstdCoder, AdaptiveCoder, StaticCoder).associateBy { it.coder }

    fun of(coder: Coder): SegmentCoder = all.getValue(coder)
}

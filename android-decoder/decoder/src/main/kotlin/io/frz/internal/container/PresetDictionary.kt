package io.frz.internal.container

import java.io.ByteArrayOutputStream

/**
 * The preset dictionary of a directory's DEFLATE stream. It contains parts of names and shapes of 3 × 3 convolutions;
 * see appendix A of the specification.
 */
internal object PresetDictionary {
    private val names = listOf(
        "accuracylicenseApache-2.0MITsourcefrformattier.cls_tokenpos_embedposition_embeddings",
        "patch_embed.proj.embed_tokens.tok_embeddings.wte.wpe.lm_head.rel_pos.lora_A.lora_B.encoder.decoder.",
        "transformer.model.layers.0.self_attn.in_proj_weightin_proj_biasq_proj.k_proj.v_proj.o_proj.out_proj.",
        "attention.query.key.value.qkv.proj.mlp.fc1.fc2.gate_proj.up_proj.down_proj.dense.linear1.linear2.",
        "classifier.head.features.blocks.0.stages.0.input_layernorm.LayerNorm.gamma.beta.norm1.norm2.norm.",
        "num_batches_trackedrunning_varrunning_meanshortcut.downsample.0.layer1.0.conv1.conv2.bn1.bn2.",
        "up1.up.down1.maxpool_conv.1.outc.inc.double_conv.0.conv.fc.0.bias0.weight"
    ).joinToString("").toByteArray(Charsets.US_ASCII)

    val bytes: ByteArray = names + shapes()

    /**
     * Returns the shapes as MessagePack. The number of output channels doubles from 16 to 1024. Each number occurs
     * twice: first with half as many input channels (3 for 16 output channels), then with the same number.
     */
    private fun shapes(): ByteArray {
        val shapes = ByteArrayOutputStream()
        var before = 3
        var channels = 16
        while (channels <= 1024) {
            for (inputs in intArrayOf(before, channels)) {
                shapes.write(ARRAY_OF_4)
                for (length in intArrayOf(channels, inputs, 3, 3)) packed(length).let { shapes.write(it, 0, it.size) }
            }
            before = channels
            channels *= 2
        }
        return shapes.toByteArray()
    }

    private fun packed(length: Int): ByteArray = when {
        length < 128 -> byteArrayOf(length.toByte())
        length < 256 -> byteArrayOf(UINT8, length.toByte())
        else -> byteArrayOf(UINT16, (length shr 8).toByte(), length.toByte())
    }

    private const val ARRAY_OF_4 = 0x94
    private const val UINT8 = 0xCC.toByte()
    private const val UINT16 = 0xCD.toByte()
}

package io.frz.internal.container

/**
 * The text before the first byte of a deflated directory, to which its DEFLATE stream may refer back; appendix A of the
 * specification.
 */
internal object PresetDictionary {
    val bytes: ByteArray = listOf(
        "accuracylicenseApache-2.0MITsourcefrformattier.cls_tokenpos_embedposition_embeddings",
        "patch_embed.proj.embed_tokens.tok_embeddings.wte.wpe.lm_head.rel_pos.lora_A.lora_B.encoder.decoder.",
        "transformer.model.layers.0.self_attn.in_proj_weightin_proj_biasq_proj.k_proj.v_proj.o_proj.out_proj.",
        "attention.query.key.value.qkv.proj.mlp.fc1.fc2.gate_proj.up_proj.down_proj.dense.linear1.linear2.",
        "classifier.head.features.blocks.0.stages.0.input_layernorm.LayerNorm.gamma.beta.norm1.norm2.norm.",
        "num_batches_trackedrunning_varrunning_meanshortcut.downsample.0.layer1.0.conv1.conv2.bn1.bn2.",
        "up1.up.down1.maxpool_conv.1.outc.inc.double_conv.0.conv.fc.0.bias0.weight"
    ).joinToString("").toByteArray(Charsets.US_ASCII)
}

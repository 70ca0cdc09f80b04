package io.frz.scheduling;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Calls the scheduler from Java. */
class SchedulingCallerTest {
    private final List<Tier> tiers = Arrays.asList(new Tier(0.90, 2e6, 40_000), new Tier(0.98, 9e6, 90_000));

    @Test
    void plansForOneApplication() {
        App camera = new App("camera", tiers, 0.95, 1.0 / 30);
        Plan plan = Scheduling.chooseTiers(Collections.singletonList(camera), new Budget(1_000_000, 1e9));
        Choice choice = plan.get("camera");
        assertEquals(1, choice.getTier());
        assertEquals(0.27, choice.getShare(), 1e-12);
        assertEquals(1.0 / 30, choice.getLatency(), 1e-12);
        assertEquals(plan.getTotal(), plan.getLargest());
        assertTrue(plan.isExact());
        assertFalse(plan.getChoices().isEmpty());
        assertThrows(UnsupportedOperationException.class, () -> plan.getChoices().clear());
        assertThrows(UnsupportedOperationException.class, () -> camera.getTiers().clear());
    }

    @Test
    void namesWhatDoesNotFit() {
        List<App> apps = Arrays.asList(new App("a", tiers, 0.9, 0.1, 2.0), new App("b", tiers, 0.9, 0.1));
        InfeasibleBudgetException thrown = assertThrows(
                InfeasibleBudgetException.class,
                () -> Scheduling.chooseTiers(apps, new Budget(50_000), Objective.MIN_MAX_COST));
        assertEquals(Collections.singletonList("a"), thrown.getUnfit());
        assertThrows(UnsupportedOperationException.class, () -> thrown.getUnfit().clear());
    }
}
